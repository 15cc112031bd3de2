/* The XNNPACK delegate of TensorFlow Lite 2.9; later versions have longer options, and other headers must stand here. */
#ifndef LOOKALIKE_XNNPACK_DELEGATE_H_
#define LOOKALIKE_XNNPACK_DELEGATE_H_

#include "tensorflow/lite/c/c_api.h"

typedef struct TfLiteXNNPackDelegateOptions {
  __INT32_TYPE__ num_threads;
  __UINT32_TYPE__ flags;
} TfLiteXNNPackDelegateOptions;

TfLiteXNNPackDelegateOptions TfLiteXNNPackDelegateOptionsDefault(void);
TfLiteDelegate* TfLiteXNNPackDelegateCreate(const TfLiteXNNPackDelegateOptions* options);
void TfLiteXNNPackDelegateDelete(TfLiteDelegate* delegate);

#endif
