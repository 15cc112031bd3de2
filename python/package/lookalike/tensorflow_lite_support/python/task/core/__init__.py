"""As in tflite-support."""
