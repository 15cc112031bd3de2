/* What all functions have in common: how they are exported, and how the texts of failures are given back. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_CORE_COMMON_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_CORE_COMMON_H_

#ifndef MP_EXPORT
#if defined(_WIN32)
#define MP_EXPORT __declspec(dllimport)
#else
#define MP_EXPORT __attribute__((visibility("default")))
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A list of texts. No function of this library hands one out. */
typedef struct MpStringList {
  char** strings;
  int num_strings;
} MpStringList;

/* Does nothing, as there are no lists to give back. */
MP_EXPORT void MpStringListFree(MpStringList* string_list);

/* Gives back the text of a failure, as free() does. Null is fine. */
MP_EXPORT void MpErrorFree(char* error_msg);

#ifdef __cplusplus
}
#endif

#endif
