"""`lookalike.tflite_support`: names, defaults, exceptions and texts of tflite-support 0.4.4.

Tests are in the order of the reference's own surface: modules, dataclasses, embedder, results, images, exceptions, memory, its own tests.
"""

import copy
import dataclasses
import gc
import importlib
import pathlib
import pickle
import sys

import numpy as np
import pytest
from conftest import MODEL, cached, fixture

from lookalike import tflite_support
from lookalike.tflite_support import task
from lookalike.tflite_support.task import core, processor, vision

DEEP = "lookalike.tensorflow_lite_support.python.task."
BaseOptions = core.BaseOptions
BoundingBox, Embedding = processor.BoundingBox, processor.Embedding
EmbeddingOptions, EmbeddingResult = processor.EmbeddingOptions, processor.EmbeddingResult
FeatureVector = processor.FeatureVector
ImageEmbedder, ImageEmbedderOptions, TensorImage = (
    vision.ImageEmbedder,
    vision.ImageEmbedderOptions,
    vision.TensorImage,
)


@pytest.fixture(scope="module")
def embedder():
    return ImageEmbedder.create_from_file(MODEL)


@pytest.fixture
def image(pixels):
    return TensorImage.create_from_array(pixels)


def made(**options):
    base = {key: options.pop(key) for key in list(options) if key in BaseOptions.__dataclass_fields__}
    base = {"file_name": MODEL, **base}
    return ImageEmbedder.create_from_options(
        ImageEmbedderOptions(BaseOptions(**base), EmbeddingOptions(**options))
    )


# 1. Modules.


def test_public_paths():
    assert tflite_support.task is task
    for name in ("audio", "core", "processor", "text", "vision"):
        assert importlib.import_module(f"lookalike.tflite_support.task.{name}") is getattr(task, name)


@pytest.mark.parametrize(
    "module, names",
    [
        ("core.base_options", [BaseOptions]),
        ("processor.proto.bounding_box_pb2", [BoundingBox]),
        ("processor.proto.embedding_options_pb2", [EmbeddingOptions]),
        ("processor.proto.embedding_pb2", [FeatureVector, Embedding, EmbeddingResult]),
        ("vision.image_embedder", [ImageEmbedder, ImageEmbedderOptions]),
        ("vision.core.tensor_image", [TensorImage]),
    ],
)
def test_deep_paths(module, names):
    found = importlib.import_module(DEEP + module)
    for kind in names:
        assert kind.__module__ == found.__name__ and getattr(found, kind.__name__) is kind


def test_paths_without_a_public_one():
    colors = importlib.import_module(DEEP + "vision.core.color_space_type").ColorSpaceType
    assert [(color.name, color.value) for color in colors] == [(name, name) for name in ("GRAYSCALE", "RGB", "RGBA")]
    utils = importlib.import_module(DEEP + "vision.core.pybinds.image_utils")
    data = utils.decode_image_from_file(fixture("tiny.png"))
    assert isinstance(data, utils.ImageData)
    content = pathlib.Path(fixture("tiny.png")).read_bytes()
    again = utils.decode_image_from_buffer(content, len(content))
    np.testing.assert_array_equal(TensorImage(again).buffer, TensorImage(data).buffer)
    assert utils.image_data_free(data) is None


@pytest.mark.parametrize("module, name", [(vision, "ObjectDetector"), (processor, "Detection"), (task.text, "NLClassifier"), (task.audio, "AudioClassifier")])
def test_other_tasks_are_somewhere_else(module, name):
    with pytest.raises(AttributeError, match=f"{name}.*lookalike has the image embedder only.*tflite-support"):
        getattr(module, name)


# 2. Dataclasses.


@pytest.mark.parametrize(
    "kind, fields",
    [
        (BaseOptions, {"file_name": None, "file_content": None, "num_threads": -1, "use_coral": None}),
        (EmbeddingOptions, {"l2_normalize": None, "quantize": None}),
        (BoundingBox, dict.fromkeys(("origin_x", "origin_y", "width", "height"), dataclasses.MISSING)),
        (FeatureVector, {"value": dataclasses.MISSING}),
        (Embedding, dict.fromkeys(("feature_vector", "output_index"), dataclasses.MISSING)),
        (EmbeddingResult, {"embeddings": dataclasses.MISSING}),
        (ImageEmbedderOptions, dict.fromkeys(("base_options", "embedding_options"), dataclasses.MISSING)),
    ],
)
def test_fields_and_their_defaults(kind, fields):
    assert {field.name: field.default for field in dataclasses.fields(kind)} == fields
    assert kind.__hash__ is None and not hasattr(kind, "__slots__")


def test_representations():
    text = "BaseOptions(file_name='x', file_content=None, num_threads=-1, use_coral=None)"
    assert repr(BaseOptions("x")) == text
    options = ImageEmbedderOptions(BaseOptions("x"))
    both = f"ImageEmbedderOptions(base_options={text}, embedding_options=EmbeddingOptions(l2_normalize=None, quantize=None))"
    assert repr(options) == both
    assert repr(BoundingBox(1, 2, 3, 4)) == "BoundingBox(origin_x=1, origin_y=2, width=3, height=4)"


def test_embedding_options_are_made_anew():
    first, second = ImageEmbedderOptions(BaseOptions()), ImageEmbedderOptions(BaseOptions())
    first.embedding_options.quantize = True
    assert second.embedding_options == EmbeddingOptions()
    assert ImageEmbedderOptions(BaseOptions("x")) == ImageEmbedderOptions(BaseOptions("x"))


def test_what_is_set_differs_from_what_is_not():
    assert EmbeddingOptions(l2_normalize=False) != EmbeddingOptions()
    assert BaseOptions(num_threads=None) != BaseOptions()
    assert BaseOptions(file_name="") != BaseOptions()
    for thing in (BaseOptions(), EmbeddingOptions(), BoundingBox(1, 2, 3, 4), EmbeddingResult([])):
        assert thing != 5 and thing != "x" and thing == copy.deepcopy(thing)


def test_vectors_are_equal_as_32_bit_floats():
    of = lambda *values: FeatureVector(np.array(values, float))
    assert of(0.1) == of(0.1 + 1e-12) and of(0.1) != of(0.1001)
    assert of(float("nan")) != of(float("nan"))
    bytes_of = lambda *values: FeatureVector(np.array(values, np.uint8))
    assert bytes_of(1, 254) == bytes_of(1, 254) and bytes_of(1) != bytes_of(2)
    assert bytes_of(1) != of(1) and of(1, 2) != of(1) and of(1) != 5
    assert Embedding(of(1), 0) == Embedding(of(1), 0) != Embedding(of(1), 1)
    assert EmbeddingResult([Embedding(of(1), 0)]) == EmbeddingResult([Embedding(of(1), 0)])
    for dtype in (np.float32, np.int8, np.int64):
        with pytest.raises(ValueError, match=r"Invalid dtype. Only float and np.uint8 are supported."):
            FeatureVector(np.ones(2, dtype)) == of(1, 1)


def test_results_are_copied_and_pickled(embedder, image):
    result = embedder.embed(image)
    assert pickle.loads(pickle.dumps(result)) == result == copy.deepcopy(result)
    for thing in (embedder, image):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(thing)


# 3. The embedder.


def test_creation(image):
    expected = ImageEmbedder.create_from_file(MODEL).embed(image)
    content = pathlib.Path(MODEL).read_bytes()
    # The content goes before the name, which is not even opened.
    for base in (BaseOptions(MODEL), BaseOptions(file_content=content), BaseOptions("/nope", content)):
        assert ImageEmbedder.create_from_options(ImageEmbedderOptions(base)).embed(image) == expected
    assert made(use_coral=False).embed(image) == expected


@pytest.mark.parametrize("num_threads", [-1, 0, 1, 3, None])
def test_numbers_of_threads(num_threads, image, embedder):
    assert made(num_threads=num_threads).embed(image) == embedder.embed(image)


def test_embedding_by_index(embedder, image):
    result = embedder.embed(image)
    found = embedder.get_embedding_by_index(result, 0)
    assert found == result.embeddings[0] and found is not result.embeddings[0]
    for index in (1, -1):
        with pytest.raises(ValueError, match="Output index is out of bound."):
            embedder.get_embedding_by_index(result, index)
    result.embeddings.append(found)
    with pytest.raises(ValueError, match="Either value_float or value_string must exist."):
        embedder.get_embedding_by_index(result, 1)


def test_dimensions_and_layers(embedder):
    assert embedder.get_embedding_dimension(0) == 306
    assert embedder.get_embedding_dimension(1) == embedder.get_embedding_dimension(-1) == -1
    with pytest.raises(TypeError):
        embedder.get_embedding_dimension("0")
    assert embedder.number_of_output_layers == 1
    assert ImageEmbedder.create_from_file(fixture("two_heads.tflite")).number_of_output_layers == 2
    with pytest.raises(AttributeError):
        embedder.number_of_output_layers = 2


def test_options_are_the_ones_that_were_given():
    options = ImageEmbedderOptions(BaseOptions(MODEL))
    embedder = ImageEmbedder.create_from_options(options)
    assert embedder.options is options
    with pytest.raises(AttributeError):
        embedder.options = options


def test_cosine_similarity(embedder):
    of = lambda *values: FeatureVector(np.array(values, float))
    similarity = embedder.cosine_similarity(of(1, 0), of(1, 1))
    assert type(similarity) is float and similarity == pytest.approx(0.5**0.5)
    # Rounded to 32 bits before.
    assert embedder.cosine_similarity(of(0.1, 1e-12), of(0.1 + 1e-12, 0)) == pytest.approx(1, abs=1e-12)
    # The bits of int8.
    bytes_of = lambda *values: FeatureVector(np.array(values, np.uint8))
    assert embedder.cosine_similarity(bytes_of(127, 0), bytes_of(128, 0)) == -1
    with pytest.raises(TypeError):
        embedder.cosine_similarity(np.ones(2), np.ones(2))
    with pytest.raises(TypeError):
        embedder.cosine_similarity(Embedding(of(1), 0), Embedding(of(1), 0))


# 4. Results.


def test_results_are_float64_or_bytes(image):
    result = ImageEmbedder.create_from_file(fixture("two_heads.tflite")).embed(image)
    assert [embedding.output_index for embedding in result.embeddings] == [0, 1]
    value = result.embeddings[0].feature_vector.value
    assert value.dtype == float and value.ndim == 1
    assert value.flags.owndata and value.flags.writeable and value.flags.c_contiguous
    np.testing.assert_array_equal(value, value.astype(np.float32))
    value = made(l2_normalize=True, quantize=True).embed(image).embeddings[0].feature_vector.value
    assert value.dtype == np.uint8 and value.flags.owndata and value.flags.writeable
    plain = made(l2_normalize=True).embed(image).embeddings[0].feature_vector.value
    np.testing.assert_array_equal(value.view(np.int8), np.trunc(plain * 128 + np.copysign(0.5, plain)))


# 5. Images.


@pytest.mark.parametrize(
    "name, shape",
    [
        ("tiny.png", (16, 24, 3)),
        ("tiny_grey.png", (16, 24, 1)),
        ("tiny_rgba.png", (16, 24, 4)),
        ("tiny_16_bit.png", None),
        ("tiny.gif", (16, 24, 4)),
        ("tiny.ppm", (16, 24, 3)),
        ("tiny.bmp", (16, 24, 3)),
        ("tiny_exif_6.jpg", (16, 24, 3)),
        # Beyond the reference.
        ("tiny.webp", (16, 24, 3)),
        ("tiny.tif", (16, 24, 3)),
    ],
)
def test_files(name, shape):
    image = TensorImage.create_from_file(fixture(name))
    content = pathlib.Path(fixture(name)).read_bytes()
    if shape is not None:
        assert image.buffer.shape == shape
    assert (image.height, image.width) == image.buffer.shape[:2]
    for buffer in (content, bytearray(content)):
        np.testing.assert_array_equal(TensorImage.create_from_buffer(buffer).buffer, image.buffer)
    np.testing.assert_array_equal(TensorImage.create_from_file(fixture(name).encode()).buffer, image.buffer)


def test_pixels_of_jpeg_files_are_exact():
    buffer = TensorImage.create_from_file(cached("burger.jpg")).buffer
    assert (buffer[0][0][0], buffer[324][479][2]) == (231, 68)


@pytest.mark.parametrize("wrong", [pathlib.Path("x.png"), 5, None])
def test_paths_are_texts(wrong):
    with pytest.raises(TypeError):
        TensorImage.create_from_file(wrong)


@pytest.mark.parametrize("wrong", [memoryview(b"x"), np.zeros(4, np.uint8), None])
def test_buffers_are_bytes(wrong):
    with pytest.raises(TypeError):
        TensorImage.create_from_buffer(wrong)


@pytest.mark.parametrize(
    "shape, becomes, color",
    [
        ((4, 6, 3), (4, 6, 3), "RGB"),
        ((4, 6, 4), (4, 6, 4), "RGBA"),
        ((4, 6), (4, 6, 1), "GRAYSCALE"),
        ((4, 6, 1), (4, 6, 1), "GRAYSCALE"),
        ((1, 4, 6, 3), (4, 6, 3), "RGB"),
        ((1, 4, 6), (4, 6, 1), "GRAYSCALE"),
        # What squeezing does besides.
        ((1, 6, 3), (6, 3, 1), "GRAYSCALE"),
        ((6, 1, 3), (6, 3, 1), "GRAYSCALE"),
    ],
)
def test_arrays(shape, becomes, color):
    image = TensorImage.create_from_array(np.zeros(shape, np.uint8))
    assert image.buffer.shape == becomes
    assert image.color_space_type.value == color
    assert type(image.height) is type(image.width) is int
    for name in ("buffer", "height", "width", "color_space_type"):
        with pytest.raises(AttributeError):
            setattr(image, name, None)


def test_buffers_share_memory(pixels):
    image = TensorImage.create_from_array(pixels)
    assert np.shares_memory(image.buffer, pixels) and image.buffer is not image.buffer
    assert image.buffer.flags.writeable
    pixels[0, 0, 0] ^= 255
    assert image.buffer[0, 0, 0] == pixels[0, 0, 0]
    image.buffer[1, 1, 1] = 7
    assert pixels[1, 1, 1] == 7
    file = TensorImage.create_from_file(fixture("tiny.png"))
    file.buffer[0, 0, 0] = 9
    assert file.buffer[0, 0, 0] == 9


def test_buffers_outlive_their_images():
    buffer = TensorImage.create_from_array(np.full((8, 8, 3), 7, np.uint8)).buffer
    gc.collect()
    assert (buffer == 7).all()
    image = TensorImage.create_from_array(np.full((64, 64, 3), 7, np.uint8))
    gc.collect()
    assert (image.buffer == 7).all()


# 6. Exceptions.

NO_MODEL = r"ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta'"


@pytest.mark.parametrize(
    "base, kind, text",
    [
        ({"file_name": None}, ValueError, NO_MODEL),
        ({"file_name": ""}, ValueError, NO_MODEL),
        ({"file_name": "/nope.tflite"}, RuntimeError, "Unable to open file at /nope.tflite"),
        ({"file_name": "/"}, RuntimeError, "Unable to map file to memory buffer, errno=12"),
        ({"file_name": __file__}, ValueError, "The model is not a valid Flatbuffer buffer"),
        ({"num_threads": -2}, RuntimeError, "Failed setting number of CPU threads"),
        ({"num_threads": 2.0}, TypeError, r"Cannot set .*BaseOptions.num_threads to 2.0: "),
        ({"num_threads": "1"}, TypeError, r"Cannot set .*BaseOptions.num_threads to '1': "),
        ({"num_threads": 10**10}, ValueError, "Value out of range: 10000000000"),
        ({"file_name": pathlib.Path(MODEL)}, TypeError, r"Cannot set .*BaseOptions.file_name to "),
        ({"file_name": 5}, TypeError, r"Cannot set .*BaseOptions.file_name to 5"),
        ({"file_content": "x"}, TypeError, r"Cannot set .*BaseOptions.file_content to 'x'"),
        ({"file_content": bytearray(b"x")}, TypeError, r"Cannot set .*BaseOptions.file_content to "),
        ({"file_content": memoryview(b"x")}, TypeError, r"Cannot set .*BaseOptions.file_content to "),
        ({"l2_normalize": "x"}, TypeError, "Cannot set .*l2_normalize to 'x'"),
        ({"use_coral": True}, RuntimeError, "Plugin did not create EdgeTpuCoral delegate."),
    ],
)
def test_wrong_options(base, kind, text):
    with pytest.raises(kind, match=text):
        made(**base)


def test_options_that_are_none():
    for options in (None, ImageEmbedderOptions(BaseOptions(MODEL), None)):
        with pytest.raises(AttributeError):
            ImageEmbedder.create_from_options(options)
    with pytest.raises(ValueError, match=NO_MODEL):
        ImageEmbedder.create_from_file(None)
    assert made(l2_normalize=1, quantize=0).embed(TensorImage.create_from_array(np.ones((4, 4, 3), np.uint8)))


@pytest.mark.parametrize("box", [(0, 0, 65, 48), (0, 0, 64, 49), (-1, 0, 4, 4), (0, 0, 0, 4), (0, 0, 4, -4), (60, 0, 5, 4)])
def test_regions_outside(embedder, image, box):
    with pytest.raises(ValueError, match=r"Invalid crop coordinates\."):
        embedder.embed(image, BoundingBox(*box))


def test_regions(embedder, image, pixels):
    part = TensorImage.create_from_array(np.ascontiguousarray(pixels[4:20, 8:40]))
    expected = embedder.embed(part)
    assert embedder.embed(image, BoundingBox(8, 4, 32, 16)) == expected
    assert embedder.embed(image, BoundingBox(*np.array([8, 4, 32, 16]))) == expected
    assert embedder.embed(image, BoundingBox(None, None, 64, 48)) == embedder.embed(image)
    for box, kind, text in [
        (BoundingBox(0.0, 0, 4, 4), TypeError, "Cannot set"),
        (BoundingBox(0, 0, 4.5, 4), TypeError, "Cannot set"),
        (BoundingBox(0, 0, 2**31, 4), ValueError, "Value out of range"),
        ((0, 0, 4, 4), AttributeError, "origin_x"),
    ]:
        with pytest.raises(kind, match=text):
            embedder.embed(image, box)


def test_gray_images_are_embedded_as_rgb(embedder, pixels):
    """The reference refuses them."""
    gray = TensorImage.create_from_array(np.ascontiguousarray(pixels[:, :, 0]))
    rgb = TensorImage.create_from_array(np.stack([pixels[:, :, 0]] * 3, axis=-1))
    assert embedder.embed(gray) == embedder.embed(rgb)


@pytest.mark.parametrize("channels", [2, 5])
def test_other_numbers_of_channels(embedder, channels):
    image = TensorImage.create_from_array(np.zeros((4, 4, channels), np.uint8))
    with pytest.raises(ValueError, match=r"Unsupported color space type."):
        image.color_space_type
    text = rf"Expected image with 1 \(grayscale\), 3 \(RGB\) or 4 \(RGBA\) channels, found {channels}"
    with pytest.raises(ValueError, match=text):
        embedder.embed(image)


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3), (0, 0, 3)])
def test_images_without_pixels(embedder, shape):
    image = TensorImage.create_from_array(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"Invalid stride information."):
        embedder.embed(image)


@pytest.mark.parametrize(
    "array, kind, text",
    [
        (np.zeros((4, 4, 3), np.float32), ValueError, "Expect numpy array with dtype=uint8."),
        (np.zeros((4, 4, 3), np.int8), ValueError, "Expect numpy array with dtype=uint8."),
        (np.zeros(7, np.uint8), ValueError, "Incompatible buffer dimension!"),
        (np.zeros((1, 1, 3), np.uint8), ValueError, "Incompatible buffer dimension!"),
        (np.zeros((2, 4, 4, 3), np.uint8), ValueError, "Incompatible buffer dimension!"),
        ([[1]], AttributeError, "has no attribute 'dtype'"),
        (None, AttributeError, "has no attribute 'dtype'"),
    ],
)
def test_wrong_arrays(array, kind, text):
    with pytest.raises(kind, match=text):
        TensorImage.create_from_array(array)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"this is no image", "unknown image type"),
        (b"", "An error occurred while decoding image: "),
        (None, "An error occurred while decoding image: can't fopen"),
    ],
)
def test_files_that_are_no_images(tmp_path, content, text):
    path = tmp_path / "image"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError, match=text):
        TensorImage.create_from_file(str(path))
    if content is not None:
        with pytest.raises(RuntimeError, match=text):
            TensorImage.create_from_buffer(content)


def test_directories_and_truncated_files(tmp_path):
    with pytest.raises(RuntimeError, match="An error occurred while decoding image: unknown image type"):
        TensorImage.create_from_file(str(tmp_path))
    content = pathlib.Path(fixture("landscape_crop.jpg")).read_bytes()
    with pytest.raises(RuntimeError, match="An error occurred while decoding image: "):
        TensorImage.create_from_buffer(content[: len(content) // 2])


@pytest.mark.parametrize("wrong", [None, np.zeros((4, 4, 3), np.uint8), 5])
def test_images_that_are_none(embedder, wrong):
    with pytest.raises(AttributeError):
        embedder.embed(wrong)


def test_images_of_another_package_are_embedded(embedder, image, pixels):
    class Foreign:
        buffer = pixels

    assert embedder.embed(Foreign()) == embedder.embed(image)


@pytest.mark.parametrize(
    "u, v, text",
    [
        (np.ones(2), np.ones(2, np.uint8), "Cannot compute cosine similarity between quantized and float feature vectors"),
        (np.ones(2), np.ones(3), r"Cannot compute cosine similarity on float feature vectors of different sizes \(2 vs 3\)"),
        (np.ones(2, np.uint8), np.ones(3, np.uint8), r"Cannot compute cosine similarity on quantized feature vectors of different sizes"),
        (np.ones(0), np.ones(0), "Cannot compute cosine similarity on empty feature vectors"),
        (np.zeros(2), np.ones(2), "Cannot compute cosine similarity on feature vector with 0 norm"),
        (np.ones(2, np.float32), np.ones(2, np.float32), "Invalid dtype. Only float and np.uint8 are supported."),
        (np.ones(2, np.int8), np.ones(2, np.int8), "Invalid dtype. Only float and np.uint8 are supported."),
    ],
)
def test_vectors_that_cannot_be_compared(embedder, u, v, text):
    with pytest.raises(ValueError, match=text):
        embedder.cosine_similarity(FeatureVector(u), FeatureVector(v))


# 7. Memory.


def test_strides_are_honored(embedder, pixels):
    """The reference reads pixels as if they lay side by side."""
    expected = embedder.embed(TensorImage.create_from_array(pixels))
    wide = np.zeros((48, 100, 3), np.uint8)
    wide[:, :64] = pixels
    for array in (wide[:, :64], np.asfortranarray(pixels), np.ascontiguousarray(pixels[::-1])[::-1]):
        assert embedder.embed(TensorImage.create_from_array(array)) == expected


def test_arrays_are_kept_alive(pixels):
    before = sys.getrefcount(pixels)
    image = TensorImage.create_from_array(pixels)
    assert sys.getrefcount(pixels) > before
    del image
    assert sys.getrefcount(pixels) == before


# 8. The reference's own tests, with its values: floats to 6 places, where its kernels sum in another order than ours.


@pytest.mark.parametrize(
    "l2_normalize, quantize, box, similarity, first",
    [
        (False, False, None, 0.91983904655993, 0.308115690946579),
        (True, False, None, 0.919839042971965, 0.01914871484041214),
        (True, True, None, 0.9158403394406317, 2),
        (False, False, BoundingBox(0, 0, 400, 325), 0.9999386762911598, 0.7738613486289978),
    ],
)
def test_reference_values(l2_normalize, quantize, box, similarity, first):
    model = cached("mobilenet_v3_small.tflite")
    embedder = made(file_name=model, l2_normalize=l2_normalize, quantize=quantize)
    image, crop = (TensorImage.create_from_file(cached(name)) for name in ("burger.jpg", "burger_crop.jpg"))
    a, b = embedder.embed(image, box), embedder.embed(crop)
    assert len(a.embeddings) == 1
    vector = a.embeddings[0].feature_vector
    assert vector.value.dtype == (np.uint8 if quantize else float) and len(vector.value) == 1024
    assert vector.value[0] == pytest.approx(first, abs=5e-6)
    found = embedder.cosine_similarity(vector, b.embeddings[0].feature_vector)
    assert found == pytest.approx(similarity, abs=1e-6)
