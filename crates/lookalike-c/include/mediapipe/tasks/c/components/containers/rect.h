/* Rectangles. */
#ifndef LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_CONTAINERS_RECT_H_
#define LOOKALIKE_MEDIAPIPE_TASKS_C_COMPONENTS_CONTAINERS_RECT_H_

/* In pixels. */
typedef struct MpRect {
  int left;
  int top;
  int bottom;
  int right;
} MpRect;

/* In fractions of width and height, 0 to 1. */
typedef struct MpRectF {
  float left;
  float top;
  float bottom;
  float right;
} MpRectF;

#endif
