// Embeds an image as if a camera sent it five times, and prints the time of each frame and the size of its vector.
//
//   c++ -std=c++20 -I include examples/live_stream.cc -L ../../target/release -llookalike_mediapipe -o live_stream
//   ./live_stream model.tflite a.jpg

#include <chrono>
#include <iostream>
#include <thread>

#include "mediapipe/tasks/c/vision/image_embedder/image_embedder.h"

namespace {

// The text of the last call that failed.
char* error_msg = nullptr;

bool Failed(MpStatus status) {
  if (status == MpStatus::kMpOk) return false;
  std::cerr << "error " << static_cast<int>(status) << ": " << (error_msg ? error_msg : "") << '\n';
  MpErrorFree(error_msg);
  return true;
}

void Print(MpStatus status, const ImageEmbedderResult* result, MpImagePtr image, int64_t timestamp_ms) {
  if (status != MpStatus::kMpOk) {
    std::cerr << "frame " << timestamp_ms << " failed\n";
    return;
  }
  std::cout << timestamp_ms << " ms, " << MpImageGetWidth(image) << 'x' << MpImageGetHeight(image)
            << ": " << result->embeddings[0].values_count << " values\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " MODEL IMAGE\n";
    return 2;
  }
  ImageEmbedderOptions options = {
      .base_options = {.model_asset_path = argv[1]},
      .running_mode = MpRunningMode::MP_RUNNING_MODE_LIVE_STREAM,
      .embedder_options = {.quantize = true},
      .result_callback = Print,
  };
  MpImageEmbedderPtr embedder = nullptr;
  if (Failed(MpImageEmbedderCreate(&options, &embedder, &error_msg))) return 1;
  MpImagePtr image = nullptr;
  bool failed = Failed(MpImageCreateFromFile(argv[2], &image, &error_msg));
  for (int64_t timestamp_ms = 0; timestamp_ms < 500 && !failed; timestamp_ms += 100) {
    failed = Failed(MpImageEmbedderEmbedAsync(embedder, image, nullptr, timestamp_ms, &error_msg));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  MpImageFree(image);
  // All callbacks have returned then.
  MpImageEmbedderClose(embedder, nullptr);
  return failed;
}
