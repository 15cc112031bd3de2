"""Tasks, in `lookalike.mediapipe.tasks.python`."""
