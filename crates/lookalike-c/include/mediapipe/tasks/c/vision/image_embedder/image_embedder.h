/* Vectors of images, and how alike they are.
 *
 * Functions return a status. If it is not kMpOk, they write a text to *error_msg, unless error_msg is null; MpErrorFree gives it back. Null
 * arguments, handles that were closed and images that cannot be embedded are such failures; no call makes an embedder useless. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_IMAGE_EMBEDDER_IMAGE_EMBEDDER_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_IMAGE_EMBEDDER_IMAGE_EMBEDDER_H_

#ifdef __cplusplus
#include <cstdint>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#include "mediapipe/tasks/c/components/containers/embedding_result.h"
#include "mediapipe/tasks/c/components/processors/embedder_options.h"
#include "mediapipe/tasks/c/core/base_options.h"
#include "mediapipe/tasks/c/core/common.h"
#include "mediapipe/tasks/c/core/mp_status.h"
#include "mediapipe/tasks/c/vision/core/image.h"
#include "mediapipe/tasks/c/vision/core/image_processing_options.h"

/* A handle, which is never followed: one that was closed is an error, not a crash. */
typedef struct MpImageEmbedderInternal* MpImageEmbedderPtr;

typedef MpEmbeddingResult ImageEmbedderResult;

typedef struct ImageEmbedderOptions {
  MpBaseOptions base_options;
  MpRunningMode running_mode;
  MpEmbedderOptions embedder_options;

  /* Called by a live stream with each result, on a thread of its own, in the order of the times, which are in milliseconds. Where the status
   * is not kMpOk, the result is null. Result and image are gone when it returns; MpImageCreateFromImageFrame keeps the image. It may not
   * throw. */
#ifdef __cplusplus
  typedef void (*result_callback_fn)(MpStatus status, const ImageEmbedderResult* result,
                                     MpImagePtr image, int64_t timestamp_ms);
  result_callback_fn result_callback;
#else
  void (*result_callback)(MpStatus status, const ImageEmbedderResult* result, MpImagePtr image,
                          int64_t timestamp_ms);
#endif
} ImageEmbedderOptions;

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an embedder. Any number of threads may use it at a time. */
MP_EXPORT MpStatus MpImageEmbedderCreate(ImageEmbedderOptions* options,
                                         MpImageEmbedderPtr* embedder, char** error_msg);

/* Embeds an image. The options may be null. *result is written on success only; MpImageEmbedderCloseResult gives back what it points to. */
MP_EXPORT MpStatus MpImageEmbedderEmbedImage(MpImageEmbedderPtr embedder, MpImagePtr image,
                                             const MpImageProcessingOptions* options,
                                             ImageEmbedderResult* result, char** error_msg);

/* Embeds a frame of a video, whose time is later than that of the one before. */
MP_EXPORT MpStatus MpImageEmbedderEmbedForVideo(MpImageEmbedderPtr embedder, MpImagePtr image,
                                                const MpImageProcessingOptions* options,
                                                int64_t timestamp_ms, ImageEmbedderResult* result,
                                                char** error_msg);

/* Sends a frame of a live stream, and returns at once; the image may be freed then. While one frame is embedded, the newest of the others
 * waits, and those before it are dropped. */
MP_EXPORT MpStatus MpImageEmbedderEmbedAsync(MpImageEmbedderPtr embedder, MpImagePtr image,
                                             const MpImageProcessingOptions* options,
                                             int64_t timestamp_ms, char** error_msg);

/* Gives back what a result points to. Null, a result that was closed before, and one of a call that failed are fine. */
MP_EXPORT void MpImageEmbedderCloseResult(ImageEmbedderResult* result);

/* Closes an embedder. A live stream embeds the frames it has, and its callbacks have returned when this does, unless one of them calls it. */
MP_EXPORT MpStatus MpImageEmbedderClose(MpImageEmbedderPtr embedder, char** error_msg);

/* Cosine of the angle between two vectors of a kind, between -1 and 1 but for rounding. */
#ifdef __cplusplus
MP_EXPORT MpStatus MpImageEmbedderCosineSimilarity(const MpEmbedding& u, const MpEmbedding& v,
                                                   double* similarity, char** error_msg);
#else
MP_EXPORT MpStatus MpImageEmbedderCosineSimilarity(const MpEmbedding* u, const MpEmbedding* v,
                                                   double* similarity, char** error_msg);
#endif

#ifdef __cplusplus
}
#endif

#endif
