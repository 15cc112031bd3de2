/* The layout of MediaPipe 1.2.2 on 64-bit processors, or of 1.2.3. Compiled as C11 and as C++20. */
#include <stddef.h>

#include "mediapipe/tasks/c/vision/image_embedder/image_embedder.h"

#ifdef __cplusplus
#define _Static_assert static_assert
#endif
#define AT(type, field, offset) \
  _Static_assert(offsetof(type, field) == offset, #type "." #field " is not at " #offset)
#define SIZE(type, size) _Static_assert(sizeof(type) == size, #type " has not " #size " bytes")

#ifdef LOOKALIKE_LAYOUT_1_2_3
#define MORE 8
AT(MpBaseOptions, npu_dispatch_library_dir, 72);
#else
#define MORE 0
#endif

SIZE(MpBaseOptions, 72 + MORE);
AT(MpBaseOptions, model_asset_buffer, 0);
AT(MpBaseOptions, model_asset_buffer_count, 8);
AT(MpBaseOptions, model_asset_path, 16);
AT(MpBaseOptions, file_descriptor, 24);
AT(MpBaseOptions, delegate, 28);
AT(MpBaseOptions, host_environment, 32);
AT(MpBaseOptions, host_system, 36);
AT(MpBaseOptions, host_version, 40);
AT(MpBaseOptions, ca_bundle_path, 48);
AT(MpBaseOptions, app_id, 56);
AT(MpBaseOptions, app_version, 64);

SIZE(MpEmbedderOptions, 2);
AT(MpEmbedderOptions, l2_normalize, 0);
AT(MpEmbedderOptions, quantize, 1);

SIZE(ImageEmbedderOptions, 88 + MORE);
AT(ImageEmbedderOptions, base_options, 0);
AT(ImageEmbedderOptions, running_mode, 72 + MORE);
AT(ImageEmbedderOptions, embedder_options, 76 + MORE);
AT(ImageEmbedderOptions, result_callback, 80 + MORE);

SIZE(MpEmbedding, 32);
AT(MpEmbedding, float_embedding, 0);
AT(MpEmbedding, quantized_embedding, 8);
AT(MpEmbedding, values_count, 16);
AT(MpEmbedding, head_index, 20);
AT(MpEmbedding, head_name, 24);

SIZE(ImageEmbedderResult, 32);
AT(ImageEmbedderResult, embeddings, 0);
AT(ImageEmbedderResult, embeddings_count, 8);
AT(ImageEmbedderResult, timestamp_ms, 16);
AT(ImageEmbedderResult, has_timestamp_ms, 24);

SIZE(MpRectF, 16);
AT(MpRectF, left, 0);
AT(MpRectF, top, 4);
AT(MpRectF, bottom, 8);
AT(MpRectF, right, 12);
SIZE(MpRect, 16);
AT(MpRect, bottom, 8);

SIZE(MpImageProcessingOptions, 24);
AT(MpImageProcessingOptions, has_region_of_interest, 0);
AT(MpImageProcessingOptions, region_of_interest, 4);
AT(MpImageProcessingOptions, rotation_degrees, 20);

SIZE(MpStatus, 4);
SIZE(MpRunningMode, 4);
SIZE(MpDelegate, 4);
SIZE(MpImageFormat, 4);
SIZE(MpStringList, 16);

int main(void) { return 0; }
