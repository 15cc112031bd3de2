/* The model, and what would run it. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_CORE_BASE_OPTIONS_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_CORE_BASE_OPTIONS_H_

/* All numbers but 2 and 5, which ask for processors that are not used, run the model on the CPU. */
typedef enum MpDelegate {
  MP_DELEGATE_CPU = 0,
  MP_DELEGATE_GPU = 1,
  MP_DELEGATE_EDGETPU_NNAPI = 2
} MpDelegate;

typedef enum MpHostEnvironment {
  MP_HOST_ENVIRONMENT_UNKNOWN = 0,
  MP_HOST_ENVIRONMENT_ANDROID = 1,
  MP_HOST_ENVIRONMENT_IOS = 2,
  MP_HOST_ENVIRONMENT_PYTHON = 3,
  MP_HOST_ENVIRONMENT_WEB = 4
} MpHostEnvironment;

typedef enum MpHostSystem {
  MP_HOST_SYSTEM_UNKNOWN = 0,
  MP_HOST_SYSTEM_LINUX = 1,
  MP_HOST_SYSTEM_MAC = 2,
  MP_HOST_SYSTEM_WINDOWS = 3,
  MP_HOST_SYSTEM_IOS = 4,
  MP_HOST_SYSTEM_ANDROID = 5
} MpHostSystem;

/* A model as bytes, by its path, or by the descriptor of an open file: the first of them that is there. All is copied while an embedder is
 * made, and may be given back after that. */
typedef struct MpBaseOptions {
  const char* model_asset_buffer;
  unsigned int model_asset_buffer_count;
  const char* model_asset_path;
  /* A descriptor above 0. */
  int file_descriptor;
  MpDelegate delegate;
  /* Nothing is reported or fetched, so these are not looked at. */
  MpHostEnvironment host_environment;
  MpHostSystem host_system;
  const char* host_version;
  const char* ca_bundle_path;
  const char* app_id;
  const char* app_version;
#ifdef LOOKALIKE_LAYOUT_1_2_3
  /* There since MediaPipe 1.2.3, and in a library that is built with the feature layout-1-2-3. */
  const char* npu_dispatch_library_dir;
#endif
} MpBaseOptions;

#endif
