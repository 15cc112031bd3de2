/* Images: how they are made, and what they consist of. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_CORE_IMAGE_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_CORE_IMAGE_H_

#ifdef __cplusplus
#include <cstdint>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#include "mediapipe/tasks/c/core/common.h"
#include "mediapipe/tasks/c/core/mp_status.h"

/* What an embedder is used for. */
typedef enum MpRunningMode {
  MP_RUNNING_MODE_IMAGE = 1,
  MP_RUNNING_MODE_VIDEO = 2,
  MP_RUNNING_MODE_LIVE_STREAM = 3
} MpRunningMode;

/* How pixels are laid out. Images of bytes can be embedded, the others looked at. */
typedef enum MpImageFormat {
  kMpImageFormatUnknown = 0,
  /* Bytes R, G, B. */
  kMpImageFormatSrgb = 1,
  /* Bytes R, G, B, alpha; alpha has no influence. */
  kMpImageFormatSrgba = 2,
  /* Bytes of luminance. */
  kMpImageFormatGray8 = 3,
  /* 16-bit samples. */
  kMpImageFormatGray16 = 4,
  kMpImageFormatSrgb48 = 7,
  kMpImageFormatSrgba64 = 8,
  /* One, two or four floats a pixel. */
  kMpImageFormatVec32F1 = 9,
  kMpImageFormatVec32F2 = 12,
  kMpImageFormatVec32F4 = 13
} MpImageFormat;

/* A handle, which is never followed: one that was freed is an error, not a crash. */
typedef struct MpImageInternal* MpImagePtr;

#ifdef __cplusplus
extern "C" {
#endif

/* Make an image of samples, which are copied: height rows of width pixels without padding. pixel_data_size is the number of samples, at least
 * width x height x channels. Bytes are GRAY8, SRGB or SRGBA, 16-bit samples GRAY16, SRGB48 or SRGBA64, floats VEC32F1, VEC32F2 or VEC32F4. */
MP_EXPORT MpStatus MpImageCreateFromUint8Data(MpImageFormat format, int width, int height,
                                              const uint8_t* pixel_data, int pixel_data_size,
                                              MpImagePtr* out, char** error_msg);
MP_EXPORT MpStatus MpImageCreateFromUint16Data(MpImageFormat format, int width, int height,
                                               const uint16_t* pixel_data, int pixel_data_size,
                                               MpImagePtr* out, char** error_msg);
MP_EXPORT MpStatus MpImageCreateFromFloatData(MpImageFormat format, int width, int height,
                                              const float* pixel_data, int pixel_data_size,
                                              MpImagePtr* out, char** error_msg);

/* Another handle of the same pixels. */
MP_EXPORT MpStatus MpImageCreateFromImageFrame(MpImagePtr image, MpImagePtr* out, char** error_msg);

/* Reads a file of JPEG, PNG, GIF, BMP, PNM, WebP or TIFF, and rotates it as the EXIF data of a JPEG file say. */
MP_EXPORT MpStatus MpImageCreateFromFile(const char* file_name, MpImagePtr* out, char** error_msg);

/* Of a handle that is none these say false, 0 or unknown, and that it is empty, which no image is. */
MP_EXPORT bool MpImageIsContiguous(MpImagePtr image);
MP_EXPORT bool MpImageUsesGpu(MpImagePtr image);
MP_EXPORT bool MpImageIsEmpty(MpImagePtr image);
/* False for a number that is no power of two. */
MP_EXPORT bool MpImageIsAligned(MpImagePtr image, uint32_t alignment);
MP_EXPORT int MpImageGetWidth(MpImagePtr image);
MP_EXPORT int MpImageGetHeight(MpImagePtr image);
MP_EXPORT int MpImageGetChannels(MpImagePtr image);
/* Bytes of a sample. */
MP_EXPORT int MpImageGetByteDepth(MpImagePtr image);
/* Bytes of a row, the next multiple of 16. Pixels are handed out without this padding. */
MP_EXPORT int MpImageGetWidthStep(MpImagePtr image);
MP_EXPORT MpImageFormat MpImageGetFormat(MpImagePtr image);

/* All samples, without padding between rows, until the last handle of the image is freed. */
MP_EXPORT MpStatus MpImageDataUint8(MpImagePtr image, const uint8_t** out, char** error_msg);
MP_EXPORT MpStatus MpImageDataUint16(MpImagePtr image, const uint16_t** out, char** error_msg);
MP_EXPORT MpStatus MpImageDataFloat32(MpImagePtr image, const float** out, char** error_msg);

/* The sample at a row, a column and a channel, which may be left out where there is but one. */
MP_EXPORT MpStatus MpImageGetValueUint8(MpImagePtr image, int* pos, int pos_size, uint8_t* out,
                                        char** error_msg);
MP_EXPORT MpStatus MpImageGetValueUint16(MpImagePtr image, int* pos, int pos_size, uint16_t* out,
                                         char** error_msg);
MP_EXPORT MpStatus MpImageGetValueFloat32(MpImagePtr image, int* pos, int pos_size, float* out,
                                          char** error_msg);

/* Gives a handle back. Null, and a handle that was given back before, are fine. */
MP_EXPORT void MpImageFree(MpImagePtr image);

#ifdef __cplusplus
}
#endif

#endif
