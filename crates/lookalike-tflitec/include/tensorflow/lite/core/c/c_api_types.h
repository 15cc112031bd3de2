/* Everything is declared in tensorflow/lite/c/c_api.h. */
