/* What becomes of vectors. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_PROCESSORS_EMBEDDER_OPTIONS_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_PROCESSORS_EMBEDDER_OPTIONS_H_

#ifndef __cplusplus
#include <stdbool.h>
#endif

typedef struct MpEmbedderOptions {
  /* Whether each vector is divided by its Euclidean norm. */
  bool l2_normalize;
  /* Whether values of -1 to 1 become bytes of -128 to 127. Values beyond saturate. */
  bool quantize;
} MpEmbedderOptions;

#endif
