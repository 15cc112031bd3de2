"""The deep paths of tflite-support, under which its classes are pickled."""
