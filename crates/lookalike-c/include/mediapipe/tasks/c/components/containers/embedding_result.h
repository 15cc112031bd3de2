/* Vectors of images. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_CONTAINERS_EMBEDDING_RESULT_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_CONTAINERS_EMBEDDING_RESULT_H_

#ifdef __cplusplus
#include <cstdint>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

/* The vector of a head of a model. */
typedef struct MpEmbedding {
  /* The values, or null if they are bytes. */
  float* float_embedding;
  /* The values as signed bytes, or null if they are floats. */
  char* quantized_embedding;
  uint32_t values_count;
  /* Position of the head among the outputs of the model. */
  int head_index;
  /* Name of the head, or null if it has none. */
  char* head_name;
} MpEmbedding;

typedef struct MpEmbeddingResult {
  /* One for each head, in the order of the outputs. */
  MpEmbedding* embeddings;
  uint32_t embeddings_count;
  /* 0, 1000, 2000 and so on for images, the caller's own times otherwise. */
  int64_t timestamp_ms;
  /* Always true. */
  bool has_timestamp_ms;
} MpEmbeddingResult;

#endif
