"""Makes embedders of well-known architectures with TensorFlow's converter, each of four kinds, with random weights.

Usage: make.py FOLDER [ARCHITECTURE ...]

A model is NAME.KIND.tflite, where KIND is float, float16 (weights), dynamic (8-bit weights, float activations) or int8 (both, inputs and
outputs included). What is there already is kept.
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy
import tensorflow as tf
from keras import applications, layers

from images import SIZE, make as images

KINDS = ["float", "float16", "dynamic", "int8"]


def vit():
    """A small vision transformer: attention and layer normalization as Keras writes them."""
    width, heads, depth, patch = 192, 3, 6, 16
    tokens = (SIZE // patch) ** 2
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(width, patch, strides=patch)(image)
    x = layers.Reshape((tokens, width))(x)
    positions = layers.Embedding(tokens, width)(numpy.arange(tokens))
    x = x + positions[None]
    for _ in range(depth):
        normalized = layers.LayerNormalization(epsilon=1e-6)(x)
        x = x + layers.MultiHeadAttention(heads, width // heads)(normalized, normalized)
        normalized = layers.LayerNormalization(epsilon=1e-6)(x)
        hidden = layers.Dense(4 * width, activation="gelu")(normalized)
        x = x + layers.Dense(width)(hidden)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(image, layers.GlobalAveragePooling1D()(x))


def mobileclip_like():
    """An image tower in the manner of MobileCLIP: mobile convolutions, then attention, then a projection of unit length."""
    image = keras.Input((SIZE, SIZE, 3))
    x = image
    for width in (32, 64, 128, 192):
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="gelu")(x)
        mixed = layers.DepthwiseConv2D(7, padding="same")(x)
        mixed = layers.BatchNormalization()(mixed)
        mixed = layers.Conv2D(3 * width, 1, activation="gelu")(mixed)
        x = x + layers.Conv2D(width, 1)(mixed)
    x = layers.Reshape((-1, 192))(x)
    for _ in range(2):
        normalized = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.MultiHeadAttention(6, 32)(normalized, normalized)
        normalized = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.Dense(192)(layers.Dense(768, activation="gelu")(normalized))
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(512, use_bias=False)(x)
    return keras.Model(image, layers.UnitNormalization()(x))


def of_keras(name, **options):
    """An architecture of keras.applications, up to its pooled features."""
    make = getattr(applications, name)
    return lambda: make(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), pooling="avg", **options)


ARCHITECTURES = {
    "mobilenet_v2": of_keras("MobileNetV2"),
    "mobilenet_v3_large": of_keras("MobileNetV3Large"),
    "efficientnet_v2_b0": of_keras("EfficientNetV2B0"),
    "nasnet_mobile": of_keras("NASNetMobile"),
    "densenet121": of_keras("DenseNet121"),
    "resnet50": of_keras("ResNet50"),
    "convnext_tiny": of_keras("ConvNeXtTiny"),
    "vit": vit,
    "mobileclip_like": mobileclip_like,
}


def spread(model):
    """Gives random weights the statistics of trained ones, so that values neither vanish nor explode from layer to layer."""
    generator = numpy.random.default_rng(7)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
            layer.gamma.assign(generator.uniform(0.8, 1.2, layer.gamma.shape)) if layer.scale else None
            layer.beta.assign(generator.uniform(-0.2, 0.2, layer.beta.shape)) if layer.center else None
        elif type(layer).__name__ == "LayerScale":
            layer.gamma.assign(generator.uniform(0.2, 0.5, layer.gamma.shape))
    model(images(8, 1), training=True)


def converted(model, kind):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        converter.representative_dataset = lambda: ([image[None]] for image in images(16, 2))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    return converter.convert()


def main():
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or ARCHITECTURES
    folder.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        paths = {kind: folder / f"{name}.{kind}.tflite" for kind in KINDS}
        if all(path.exists() for path in paths.values()):
            continue
        keras.utils.set_random_seed(42)
        model = ARCHITECTURES[name]()
        spread(model)
        for kind, path in paths.items():
            path.write_bytes(converted(model, kind))
            print(f"made {path.name}", flush=True)


main()
