/* How an image is to be prepared. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_CORE_IMAGE_PROCESSING_OPTIONS_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_VISION_CORE_IMAGE_PROCESSING_OPTIONS_H_

#include "mediapipe/tasks/c/components/containers/rect.h"

typedef struct MpImageProcessingOptions {
  /* Whether there is a region: any number but 0. */
  int has_region_of_interest;
  MpRectF region_of_interest;
  /* Clockwise, a multiple of 90. */
  int rotation_degrees;
} MpImageProcessingOptions;

#endif
