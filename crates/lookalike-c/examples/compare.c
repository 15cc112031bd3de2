/* How alike two images are.
 *
 *   cc -std=c11 -I include examples/compare.c -L ../../target/release -llookalike_mediapipe -o compare
 *   ./compare model.tflite a.jpg b.jpg
 */
#include <stdio.h>

#include "mediapipe/tasks/c/vision/image_embedder/image_embedder.h"

/* The text of the last call that failed. */
static char* error_msg = NULL;

/* Whether a call failed, and says so. */
static int failed(MpStatus status) {
  if (status == kMpOk) return 0;
  fprintf(stderr, "error %d: %s\n", (int)status, error_msg ? error_msg : "");
  MpErrorFree(error_msg);
  return 1;
}

static int embed_file(MpImageEmbedderPtr embedder, const char* path, ImageEmbedderResult* result) {
  MpImagePtr image = NULL;
  if (failed(MpImageCreateFromFile(path, &image, &error_msg))) return 1;
  MpStatus status = MpImageEmbedderEmbedImage(embedder, image, NULL, result, &error_msg);
  MpImageFree(image);
  return failed(status);
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: %s MODEL IMAGE IMAGE\n", argv[0]);
    return 2;
  }
  ImageEmbedderOptions options = {
      .base_options = {.model_asset_path = argv[1]},
      .running_mode = MP_RUNNING_MODE_IMAGE,
      .embedder_options = {.l2_normalize = true},
  };
  MpImageEmbedderPtr embedder = NULL;
  if (failed(MpImageEmbedderCreate(&options, &embedder, &error_msg))) return 1;
  ImageEmbedderResult a = {0}, b = {0};
  double similarity = 0;
  int fails = embed_file(embedder, argv[2], &a) || embed_file(embedder, argv[3], &b) ||
              failed(MpImageEmbedderCosineSimilarity(&a.embeddings[0], &b.embeddings[0],
                                                     &similarity, &error_msg));
  if (!fails) printf("%.6f\n", similarity);
  MpImageEmbedderCloseResult(&a);
  MpImageEmbedderCloseResult(&b);
  MpImageEmbedderClose(embedder, NULL);
  return fails;
}
