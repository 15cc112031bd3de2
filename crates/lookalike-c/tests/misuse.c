/* Calls as they should be and as they should not be, for tools that watch memory: misuse MODEL IMAGE. Prints the number of calls. */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#include "mediapipe/tasks/c/vision/image_embedder/image_embedder.h"

static atomic_int calls = 0;
static atomic_int has_ended = 0;
static MpImageEmbedderPtr stream = NULL;
static MpImagePtr kept = NULL;

/* The status has to be this one, with a text if it is a failure. */
static void expect(MpStatus expected, MpStatus status, char** error_msg) {
  ++calls;
  if (status != expected) {
    fprintf(stderr, "call %d: status %d instead of %d, %s\n", calls, (int)status, (int)expected,
            *error_msg ? *error_msg : "");
    exit(1);
  }
  assert((*error_msg != NULL) == (status != kMpOk));
  /* The headers allow both. */
  if (calls % 2) {
    MpErrorFree(*error_msg);
  } else {
    free(*error_msg);
  }
  *error_msg = NULL;
}

static void on_result(MpStatus status, const ImageEmbedderResult* result, MpImagePtr image,
                      int64_t timestamp_ms) {
  ++calls;
  if (status != kMpOk) {
    assert(result == NULL);
    return;
  }
  assert(result->timestamp_ms == timestamp_ms);
  float sum = 0;
  for (uint32_t i = 0; i < result->embeddings[0].values_count; ++i) {
    sum += result->embeddings[0].float_embedding[i];
  }
  assert(sum == sum);
  ImageEmbedderResult copy = *result;
  MpImageEmbedderCloseResult(&copy);
  MpImageFree(kept);
  MpImageCreateFromImageFrame(image, &kept, NULL);
  if (timestamp_ms < 20) {
    MpImageEmbedderEmbedAsync(stream, image, NULL, timestamp_ms + 1, NULL);
  } else {
    MpImageEmbedderClose(stream, NULL);
    has_ended = 1;
  }
  MpImageFree(image);
}

int main(int argc, char** argv) {
  assert(argc == 3);
  char* e = NULL;
  ImageEmbedderOptions options;
  memset(&options, 0, sizeof options);
  MpImageEmbedderPtr embedder = NULL;
  options.running_mode = MP_RUNNING_MODE_IMAGE;
  expect(kMpInvalidArgument, MpImageEmbedderCreate(&options, &embedder, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderCreate(NULL, &embedder, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderCreate(&options, NULL, &e), &e);
  options.base_options.model_asset_path = "/nope.tflite";
  expect(kMpNotFound, MpImageEmbedderCreate(&options, &embedder, &e), &e);
  assert(embedder == NULL);
  options.base_options.model_asset_path = argv[1];
  expect(kMpOk, MpImageEmbedderCreate(&options, &embedder, &e), &e);

  MpImagePtr image = NULL, none = NULL, deep = NULL, second = NULL;
  expect(kMpNotFound, MpImageCreateFromFile("/nope.jpg", &image, &e), &e);
  expect(kMpOk, MpImageCreateFromFile(argv[2], &image, &e), &e);
  uint8_t* pixels = malloc(12);
  memset(pixels, 7, 12);
  expect(kMpInvalidArgument,
         MpImageCreateFromUint8Data(kMpImageFormatSrgb, 2, 3, pixels, 12, &none, &e), &e);
  expect(kMpOk, MpImageCreateFromUint8Data(kMpImageFormatSrgb, 2, 2, pixels, 12, &second, &e), &e);
  free(pixels);
  uint16_t words[3] = {1, 2, 3};
  expect(kMpOk, MpImageCreateFromUint16Data(kMpImageFormatSrgb48, 1, 1, words, 3, &deep, &e), &e);

  ImageEmbedderResult result, other, untouched;
  memset(&untouched, 0x55, sizeof untouched);
  expect(kMpOk, MpImageEmbedderEmbedImage(embedder, image, NULL, &result, &e), &e);
  expect(kMpOk, MpImageEmbedderEmbedImage(embedder, second, NULL, &other, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderEmbedImage(embedder, deep, NULL, &untouched, &e), &e);
  MpImageEmbedderCloseResult(&untouched);
  MpImageProcessingOptions processing = {1, {0.1f, 0.9f, 0.1f, 0.9f}, 90};
  expect(kMpInvalidArgument, MpImageEmbedderEmbedImage(embedder, image, &processing, &untouched, &e),
         &e);
  double similarity = 0;
  expect(kMpOk,
         MpImageEmbedderCosineSimilarity(&result.embeddings[0], &other.embeddings[0], &similarity, &e),
         &e);
  expect(kMpInvalidArgument,
         MpImageEmbedderCosineSimilarity(NULL, &other.embeddings[0], &similarity, &e), &e);
  MpImageEmbedderCloseResult(&result);
  MpImageEmbedderCloseResult(&result);
  MpImageEmbedderCloseResult(&other);

  int position[3] = {1, 1, 2}, outside[3] = {1, 2, 0};
  uint8_t value = 0;
  expect(kMpOk, MpImageGetValueUint8(second, position, 3, &value, &e), &e);
  assert(value == 7);
  expect(kMpOutOfRange, MpImageGetValueUint8(second, outside, 3, &value, &e), &e);
  expect(kMpInvalidArgument, MpImageGetValueUint16(second, position, 3, &words[0], &e), &e);
  assert(!MpImageIsAligned(second, 3));
  MpImageFree(second);
  MpImageFree(second);
  expect(kMpInvalidArgument, MpImageGetValueUint8(second, position, 3, &value, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderEmbedImage(embedder, second, NULL, &untouched, &e), &e);
  MpImageFree(deep);

  options.running_mode = MP_RUNNING_MODE_LIVE_STREAM;
  expect(kMpInvalidArgument, MpImageEmbedderCreate(&options, &stream, &e), &e);
  options.result_callback = on_result;
  expect(kMpOk, MpImageEmbedderCreate(&options, &stream, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderEmbedImage(stream, image, NULL, &untouched, &e), &e);
  expect(kMpOk, MpImageEmbedderEmbedAsync(stream, image, NULL, 18, &e), &e);
  MpImageFree(image);
  /* The last callback closes it. */
  while (!has_ended) {
    thrd_sleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  expect(kMpInvalidArgument, MpImageEmbedderClose(stream, &e), &e);
  assert(MpImageGetWidth(kept) > 0);
  MpImageFree(kept);
  MpImageFree(kept);

  expect(kMpOk, MpImageEmbedderClose(embedder, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderClose(embedder, &e), &e);
  expect(kMpInvalidArgument, MpImageEmbedderClose(NULL, &e), &e);
  printf("%d calls\n", calls);
  return 0;
}
