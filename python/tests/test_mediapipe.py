"""`lookalike.mediapipe`: names, defaults, exceptions and texts of MediaPipe 1.2.2.

Tests are in the order of the reference's own surface: modules, enums and dataclasses, embedder, images, results, similarity, exceptions, live
stream, memory, its own tests.
"""

import copy
import dataclasses
import gc
import importlib
import inspect
import logging
import pathlib
import pickle
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from conftest import CACHE, FIXTURES, MODEL, ROOT, cached, fixture

import lookalike.mediapipe as mp
from lookalike.mediapipe.tasks import python as tasks_python
from lookalike.mediapipe.tasks.python import BaseOptions, components, vision
from lookalike.mediapipe.tasks.python.components import containers, utils
from lookalike.mediapipe.tasks.python.components.containers import embedding_result, rect

DEEP = "lookalike.mediapipe.tasks.python."
Embedding, EmbeddingResult = containers.Embedding, containers.EmbeddingResult
ImageEmbedder, ImageEmbedderOptions = vision.ImageEmbedder, vision.ImageEmbedderOptions
ImageFormat, Processing, RunningMode = mp.ImageFormat, vision.ImageProcessingOptions, vision.RunningMode
RectF = rect.RectF


@pytest.fixture(scope="module")
def embedder():
    with ImageEmbedder.create_from_model_path(MODEL) as made:
        yield made


@pytest.fixture
def image(pixels):
    return mp.Image(ImageFormat.SRGB, pixels)


def make(mode=RunningMode.IMAGE, base=None, **options):
    base = BaseOptions(model_asset_path=MODEL) if base is None else base
    return ImageEmbedder.create_from_options(ImageEmbedderOptions(base, mode, **options))


def vector(result):
    return result.embeddings[0].embedding


def ignore(_result, _image, _timestamp_ms):
    pass


# 1. Modules.


@pytest.mark.parametrize(
    "module, names",
    [
        ("", "BaseOptions audio components decision retrieval text vision"),
        ("vision", "ImageEmbedder ImageEmbedderOptions ImageEmbedderResult ImageProcessingOptions RunningMode"),
        ("core.base_options", "BaseOptions"),
        ("components.containers", "Embedding EmbeddingResult Rect NormalizedRect"),
        ("components.containers.embedding_result", "Embedding EmbeddingResult"),
        ("components.containers.rect", "Rect RectF NormalizedRect"),
        ("components.utils.cosine_similarity", "cosine_similarity"),
        ("vision.image_embedder", "ImageEmbedder ImageEmbedderOptions ImageEmbedderResult"),
        ("vision.core.image", "Image ImageFormat"),
        ("vision.core.image_processing_options", "ImageProcessingOptions"),
        ("vision.core.vision_task_running_mode", "VisionTaskRunningMode validate_running_mode"),
    ],
)
def test_paths(module, names):
    found = importlib.import_module((DEEP + module).rstrip("."))
    for name in names.split():
        assert hasattr(found, name), name


def test_what_is_the_same():
    assert mp.tasks is tasks_python and mp.__version__ == "1.2.2"
    assert mp.tasks.vision.ImageEmbedder is ImageEmbedder and mp.tasks.BaseOptions is BaseOptions
    assert vision.ImageEmbedderResult is EmbeddingResult is embedding_result.EmbeddingResult
    running_mode = importlib.import_module(DEEP + "vision.core.vision_task_running_mode")
    assert RunningMode is running_mode.VisionTaskRunningMode
    assert components.containers is containers and components.utils is utils
    assert not hasattr(tasks_python, "core") and not hasattr(containers, "RectF")
    assert not hasattr(mp, "solutions")


@pytest.mark.parametrize("module, name", [(vision, "FaceDetector"), (containers, "Category"), (mp, "solutions"), (tasks_python.text, "TextEmbedder")])
def test_other_tasks_are_somewhere_else(module, name):
    with pytest.raises(AttributeError, match=f"{name}.*lookalike has the image embedder only.*mediapipe"):
        getattr(module, name)


# 2. Enums and dataclasses.


def test_enums():
    assert [(mode.name, mode.value, mode.ctype) for mode in RunningMode] == [
        ("IMAGE", "IMAGE", 1),
        ("VIDEO", "VIDEO", 2),
        ("LIVE_STREAM", "LIVE_STREAM", 3),
    ]
    assert {kind.name: int(kind) for kind in ImageFormat} == {
        "UNKNOWN": 0, "SRGB": 1, "SRGBA": 2, "GRAY8": 3, "GRAY16": 4, "SRGB48": 7,
        "SRGBA64": 8, "VEC32F1": 9, "VEC32F2": 12, "VEC32F4": 13,
    }  # fmt: skip
    assert {kind.name: int(kind) for kind in BaseOptions.Delegate} == {"DEFAULT": 0, "CPU": 1, "GPU": 2}


NONE = dataclasses.MISSING


@pytest.mark.parametrize(
    "kind, fields",
    [
        (BaseOptions, {"model_asset_path": None, "model_asset_buffer": None, "delegate": None}),
        (
            ImageEmbedderOptions,
            {"base_options": NONE, "running_mode": RunningMode.IMAGE, "l2_normalize": None,
             "quantize": None, "result_callback": None, "_result_callback_c": None},
        ),
        (Processing, {"region_of_interest": None, "rotation_degrees": 0}),
        (RectF, dict.fromkeys(("left", "top", "bottom", "right"), NONE)),
        (rect.Rect, dict.fromkeys(("left", "top", "bottom", "right"), NONE)),
        (
            containers.NormalizedRect,
            {"x_center": NONE, "y_center": NONE, "width": NONE, "height": NONE, "rotation": 0.0, "rect_id": None},
        ),
        (Embedding, {"embedding": NONE, "head_index": None, "head_name": None}),
        (EmbeddingResult, {"embeddings": NONE, "timestamp_ms": None}),
    ],
)  # fmt: skip
def test_fields_and_their_defaults(kind, fields):
    found = {field.name: field.default for field in dataclasses.fields(kind)}
    assert found == fields and list(found) == list(fields)
    assert kind.__hash__ is None


def test_representations():
    base = "BaseOptions(model_asset_path='x', model_asset_buffer=None, delegate=None)"
    options = ImageEmbedderOptions(base_options=BaseOptions(model_asset_path="x"))
    assert repr(options) == (
        f"ImageEmbedderOptions(base_options={base}, running_mode=<VisionTaskRunningMode.IMAGE: 'IMAGE'>, "
        "l2_normalize=None, quantize=None, result_callback=None, _result_callback_c=None)"
    )
    assert repr(Processing()) == "ImageProcessingOptions(region_of_interest=None, rotation_degrees=0)"


def test_equality():
    assert BaseOptions() == BaseOptions() != BaseOptions(delegate=BaseOptions.Delegate.CPU)
    assert BaseOptions("x") != BaseOptions("y") and BaseOptions() != 5
    one, two = (Embedding(np.ones(2)) for _ in range(2))
    with pytest.raises(ValueError, match="The truth value of an array"):
        one == two
    result = EmbeddingResult([Embedding(np.ones(1), 0, "x")], 7)
    assert pickle.loads(pickle.dumps(result)) == result == copy.deepcopy(result)


# 3. The embedder.


def test_creation(image, embedder):
    expected = vector(embedder.embed(image))
    content = pathlib.Path(MODEL).read_bytes()
    # The buffer wins, and the path is not opened.
    for base in (
        BaseOptions(model_asset_buffer=content),
        BaseOptions("/nope.tflite", content),
        BaseOptions(MODEL, delegate=BaseOptions.Delegate.CPU),
        BaseOptions(MODEL, delegate=BaseOptions.Delegate.DEFAULT),
        BaseOptions(pathlib.Path(MODEL)),
        # No buffer at all.
        BaseOptions(MODEL, b""),
    ):
        with make(base=base) as made:
            np.testing.assert_array_equal(vector(made.embed(image)), expected)


def test_signatures():
    of = lambda name: list(inspect.signature(getattr(ImageEmbedder, name)).parameters)
    assert of("create_from_model_path") == ["model_path"]
    assert of("create_from_options") == ["options"]
    assert of("embed") == ["self", "image", "image_processing_options"]
    assert of("embed_for_video") == of("embed_async") == ["self", "image", "timestamp_ms", "image_processing_options"]
    assert of("cosine_similarity") == ["u", "v"] and of("close") == ["self"]


def test_times_of_images_are_made_up(image):
    with make() as made:
        assert [made.embed(image).timestamp_ms for _ in range(3)] == [0, 1000, 2000]
        times = []
        threads = [threading.Thread(target=lambda: times.append(made.embed(image).timestamp_ms)) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(times) == [3000 + 1000 * index for index in range(8)]


def test_times_of_frames_are_the_callers(image):
    with make(RunningMode.VIDEO) as made:
        for timestamp_ms in (np.int64(5), True + 5, 100):
            found = made.embed_for_video(image, timestamp_ms).timestamp_ms
            assert found == timestamp_ms and type(found) is int
        for wrong in (5.0, None, "5"):
            with pytest.raises(TypeError):
                made.embed_for_video(image, wrong)


def test_closing(image):
    made = make()
    assert made.__enter__() is made
    made.close()
    made.close()
    assert made.__enter__() is made
    assert made.embed(image) == EmbeddingResult(embeddings=[], timestamp_ms=None)
    video = make(RunningMode.VIDEO)
    video.close()
    assert video.embed_for_video(image, 1) == EmbeddingResult([])
    stream = make(RunningMode.LIVE_STREAM, result_callback=ignore)
    stream.close()
    assert stream.embed_async(image, 1) is None
    with pytest.raises(KeyError), make() as made:
        raise KeyError
    assert made.embed(image).embeddings == []


# 4. Images.


@pytest.mark.parametrize(
    "kind, dtype, channels",
    [
        ("GRAY8", np.uint8, 1), ("SRGB", np.uint8, 3), ("SRGBA", np.uint8, 4),
        ("GRAY16", np.uint16, 1), ("SRGB48", np.uint16, 3), ("SRGBA64", np.uint16, 4),
        ("VEC32F1", np.float32, 1), ("VEC32F2", np.float32, 2), ("VEC32F4", np.float32, 4),
    ],
)  # fmt: skip
def test_images_of_all_formats(kind, dtype, channels):
    shape = (5, 7, channels) if channels > 1 else (5, 7)
    data = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    made = mp.Image(image_format=ImageFormat[kind], data=data)
    assert (made.width, made.height, made.channels) == (7, 5, channels)
    assert made.image_format == ImageFormat[kind] and type(made.image_format) is int
    view = made.numpy_view()
    assert view.shape == (5, 7, channels) and not view.flags.writeable and not view.flags.owndata
    np.testing.assert_array_equal(view.reshape(shape), data)
    value = made[4, 6, channels - 1]
    assert value == data.reshape(5, 7, channels)[4, 6, channels - 1]
    assert type(value) is (float if dtype == np.float32 else int)


def test_images_are_copies(pixels):
    made = mp.Image(ImageFormat.SRGB, pixels)
    before = made[0, 0, 0]
    pixels[0, 0, 0] ^= 255
    assert made[0, 0, 0] == before
    pixels.flags.writeable = False
    assert mp.Image(ImageFormat.SRGB, pixels)[0, 0, 0] != before
    assert made.numpy_view().ctypes.data == made.numpy_view().ctypes.data


def test_channels_come_from_the_format():
    data = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    scrambled = mp.Image(ImageFormat.SRGB, data)
    np.testing.assert_array_equal(scrambled.numpy_view().ravel(), np.arange(24))
    assert mp.Image(int(ImageFormat.SRGB), data).image_format == ImageFormat.SRGB


def test_strides_are_honored(pixels, embedder):
    """The reference reads pixels as if they lay side by side."""
    expected = mp.Image(ImageFormat.SRGB, pixels).numpy_view()
    wide = np.zeros((48, 100, 3), np.uint8)
    wide[:, :64] = pixels
    for data in (wide[:, :64], np.asfortranarray(pixels), np.ascontiguousarray(pixels[::-1])[::-1]):
        np.testing.assert_array_equal(mp.Image(ImageFormat.SRGB, data).numpy_view(), expected)


def test_rows_have_the_steps_of_the_reference():
    small = mp.Image(ImageFormat.SRGB, np.zeros((3, 4, 3), np.uint8))
    assert small.step == 16 and not small.is_contiguous()
    wide = mp.Image(ImageFormat.SRGB, np.zeros((2, 16, 3), np.uint8))
    assert wide.step == 48 and wide.is_contiguous()
    gray = mp.Image(ImageFormat.GRAY8, np.zeros((2, 2), np.uint8))
    assert gray.is_aligned(1) and not gray.is_aligned(32)
    assert not any(gray.is_aligned(odd) for odd in (0, 3, -2))
    assert not gray.is_empty() and not gray.uses_gpu()
    for name in ("width", "height", "channels", "step", "image_format"):
        with pytest.raises(AttributeError):
            setattr(gray, name, 1)


def test_indices():
    gray = mp.Image(ImageFormat.GRAY8, np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert gray[1, 2] == gray[1, 2, 0] == 5
    color = mp.Image(ImageFormat.SRGB, np.zeros((2, 3, 3), np.uint8))
    for wrong in [(0, 0, 0, 0), (0,), ()]:
        with pytest.raises(ValueError, match=rf"Invalid index dimension: {len(wrong)} \(expected 2 or 3\)"):
            color[wrong]
    with pytest.raises(ValueError, match=r"Invalid index dimension: 2 \(expected 2 or 3\)"):
        color[0, 0]
    for wrong in [0, slice(1), 0.5, (0.0, 0, 0), (slice(1), 0, 0)]:
        with pytest.raises(TypeError):
            color[wrong]
    for outside in [(2, 0, 0), (0, 3, 0), (0, 0, 3), (-1, 0, 0)]:
        with pytest.raises(IndexError):
            color[outside]


def test_images_without_pixels():
    for shape in [(0, 0), (0, 4), (4, 0)]:
        made = mp.Image(ImageFormat.GRAY8, np.zeros(shape, np.uint8))
        assert (made.height, made.width) == shape and made.numpy_view().shape == (*shape, 1)


@pytest.mark.parametrize(
    "name, kind, size",
    [
        ("tiny.png", "SRGB", (24, 16)), ("tiny_grey.png", "GRAY8", (24, 16)), ("tiny_rgba.png", "SRGBA", (24, 16)),
        ("tiny.gif", "SRGBA", (24, 16)), ("tiny.bmp", "SRGB", (24, 16)), ("tiny.ppm", "SRGB", (24, 16)),
        ("tiny_exif_3.jpg", "SRGB", (24, 16)), ("tiny_exif_6.jpg", "SRGB", (16, 24)), ("tiny_exif_8.jpg", "SRGB", (16, 24)),
        # Beyond the reference.
        ("tiny.webp", "SRGB", (24, 16)), ("tiny.tif", "SRGB", (24, 16)),
    ],
)  # fmt: skip
def test_files(name, kind, size):
    for path in (fixture(name), pathlib.Path(fixture(name))):
        made = mp.Image.create_from_file(path)
        assert (made.width, made.height) == size and made.image_format == ImageFormat[kind]


def test_alpha_has_no_influence(embedder, pixels, image):
    alpha = np.concatenate([pixels, pixels[:, :, :1]], axis=-1)
    found = embedder.embed(mp.Image(ImageFormat.SRGBA, alpha))
    np.testing.assert_array_equal(vector(found), vector(embedder.embed(image)))


def test_gray_images_are_embedded_as_rgb(embedder, pixels):
    """The reference refuses them, and is broken after that."""
    gray = np.ascontiguousarray(pixels[:, :, 0])
    rgb = mp.Image(ImageFormat.SRGB, np.stack([gray] * 3, axis=-1))
    found = embedder.embed(mp.Image(ImageFormat.GRAY8, gray))
    np.testing.assert_array_equal(vector(found), vector(embedder.embed(rgb)))


@pytest.mark.parametrize(
    "kind, dtype, channels, text",
    [
        ("VEC32F1", np.float32, 1, "Unsupported format: 9"),
        ("VEC32F2", np.float32, 2, "Unsupported format: 12"),
        ("VEC32F4", np.float32, 4, "Unsupported format: 13"),
        ("GRAY16", np.uint16, 1, "Unsupported format: 4"),
        ("SRGB48", np.uint16, 3, "Unsupported format: 7"),
        ("SRGBA64", np.uint16, 4, "Unsupported format: 8"),
        ("SRGB", np.uint8, 3, "ROI width and height must be > 0"),
    ],
)
def test_no_image_harms_the_embedder(embedder, image, kind, dtype, channels, text):
    """The reference is broken after these, or aborts."""
    before = vector(embedder.embed(image))
    side = 0 if dtype == np.uint8 else 4
    with pytest.raises(ValueError, match=text):
        embedder.embed(mp.Image(ImageFormat[kind], np.zeros((side, side, channels), dtype)))
    np.testing.assert_array_equal(vector(embedder.embed(image)), before)


# 5. Results.


def test_results_are_float64_or_bytes(image):
    with make() as made:
        result = made.embed(image)
    values = vector(result)
    assert values.dtype == float and values.ndim == 1 and values.flags.owndata and values.flags.writeable
    np.testing.assert_array_equal(values, values.astype(np.float32))
    assert (result.embeddings[0].head_index, result.embeddings[0].head_name) == (0, "gist")
    with make(l2_normalize=True, quantize=True) as made:
        values = vector(made.embed(image))
    assert values.dtype == np.uint8 and values.flags.owndata and values.flags.writeable


def test_one_embedding_for_each_head(image):
    with make(base=BaseOptions(fixture("two_heads.tflite"))) as made:
        result = made.embed(image)
    assert [(e.head_index, e.head_name) for e in result.embeddings] == [(0, "colour"), (1, "texture")]


def test_values_beyond_1_saturate(image):
    model = BaseOptions(fixture("echo_f32.tflite"))
    with make(base=model) as plain, make(base=model, quantize=True) as quantized:
        floats, found = vector(plain.embed(image)), vector(quantized.embed(image)).view(np.int8)
    np.testing.assert_array_equal(found, np.clip(np.trunc(floats * 128 + np.copysign(0.5, floats)), -128, 127))


# 6. Similarity.


def test_similarity():
    cosine = utils.cosine_similarity.cosine_similarity
    u, v = Embedding(np.array([1.0, 0.2])), Embedding(np.array([0.3, 0.7]))
    found = cosine(u, v)
    assert type(found) is np.float64
    assert found == np.dot(u.embedding, v.embedding) / (np.linalg.norm(u.embedding) * np.linalg.norm(v.embedding))
    assert ImageEmbedder.cosine_similarity(u, v) == found
    bytes_of = lambda *values: Embedding(np.array(values, np.uint8))
    assert cosine(bytes_of(127, 0), bytes_of(128, 0)) == -1


@pytest.mark.parametrize(
    "u, v, text",
    [
        (np.ones(2), np.ones(3), "Cannot compute cosine similarity between embeddings of different sizes (2 vs. 3)."),
        # Sizes go before types.
        (np.ones(2), np.ones(3, np.uint8), "Cannot compute cosine similarity between embeddings of different sizes (2 vs. 3)."),
        (np.ones(2), np.ones(2, np.uint8), "Cannot compute cosine similarity between quantized and float embeddings."),
        (np.ones(2, np.float32), np.ones(2, np.float32), "Cannot compute cosine similarity between quantized and float embeddings."),
        (np.ones(2, np.int8), np.ones(2, np.int8), "Cannot compute cosine similarity between quantized and float embeddings."),
        (np.ones(0), np.ones(0), "Cannot compute cosing similarity on empty embeddings."),
        (np.zeros(2), np.ones(2), "Cannot compute cosine similarity on embedding with 0 norm."),
    ],
)
def test_vectors_that_cannot_be_compared(u, v, text):
    with pytest.raises(ValueError) as error:
        ImageEmbedder.cosine_similarity(Embedding(u), Embedding(v))
    assert str(error.value) == text


# 7. Exceptions.

NO_MODEL = (
    "ExternalFile must specify at least one of 'file_content', 'file_name', 'file_pointer_meta' or 'file_descriptor_meta'."
)


@pytest.mark.parametrize(
    "base, kind, text",
    [
        (BaseOptions(), ValueError, NO_MODEL),
        (BaseOptions(""), ValueError, NO_MODEL),
        (BaseOptions(None, b""), ValueError, NO_MODEL),
        (BaseOptions("/path/to/invalid/model.tflite"), FileNotFoundError, "Unable to open file at /path/to/invalid/model.tflite"),
        (BaseOptions(__file__), ValueError, "The model is not a valid Flatbuffer buffer"),
        (
            BaseOptions(fixture("refused_no_normalization.tflite")),
            FileNotFoundError,
            "Input tensor has type float32: it requires specifying NormalizationOptions metadata to preprocess input images.",
        ),
        (BaseOptions(None, bytearray(b"x")), TypeError, "bytes or integer address expected instead of bytearray instance"),
        (BaseOptions(b"x"), TypeError, "a model's path is a str, not bytes"),
        (BaseOptions(None, "x"), TypeError, "bytes or integer address expected instead of str instance"),
        (BaseOptions(None, memoryview(b"x")), TypeError, "bytes or integer address expected instead of memoryview instance"),
        (BaseOptions(MODEL, delegate=BaseOptions.Delegate.GPU), RuntimeError, "there is no delegate for a GPU"),
    ],
)
def test_wrong_models(base, kind, text):
    with pytest.raises(kind) as error:
        make(base=base)
    assert str(error.value).startswith(text) and len(error.value.args) == 1
    if kind is FileNotFoundError:
        assert error.value.errno is None and error.value.filename is None


def test_wrong_options():
    for options in (None, ImageEmbedderOptions(None), ImageEmbedderOptions(BaseOptions(MODEL), "IMAGE"), ImageEmbedderOptions(BaseOptions(MODEL), None)):
        with pytest.raises(AttributeError):
            ImageEmbedder.create_from_options(options)


def test_callbacks_go_with_live_streams():
    with pytest.raises(ValueError) as error:
        make(RunningMode.LIVE_STREAM)
    text = "The vision task is in live stream mode, a user-defined result callback must be provided."
    assert str(error.value) == text
    for mode in (RunningMode.IMAGE, RunningMode.VIDEO):
        with pytest.raises(ValueError) as error:
            make(mode, result_callback=ignore)
        text = "The vision task is in image or video mode, a user-defined result callback should not be provided."
        assert str(error.value) == text


@pytest.mark.parametrize("mode, name", [(RunningMode.IMAGE, "image"), (RunningMode.VIDEO, "video"), (RunningMode.LIVE_STREAM, "live stream")])
def test_each_running_mode_has_its_method(mode, name, image):
    callback = {"result_callback": ignore} if name == "live stream" else {}
    with make(mode, **callback) as made:
        for asked, call in {
            "image": lambda: made.embed(image),
            "video": lambda: made.embed_for_video(image, 1),
            "live stream": lambda: made.embed_async(image, 1),
        }.items():
            if asked == name:
                call()
                continue
            with pytest.raises(ValueError) as error:
                call()
            assert str(error.value) == f"Task is not initialized with the {asked} mode. Current running mode:{name} mode"


def test_times_go_forward(image):
    with make(RunningMode.VIDEO) as video, make(RunningMode.LIVE_STREAM, result_callback=ignore) as stream:
        for call in (video.embed_for_video, stream.embed_async):
            call(image, 5)
            for timestamp_ms in (5, 4, -1):
                with pytest.raises(ValueError, match=r"Input timestamp must be monotonically increasing\."):
                    call(image, timestamp_ms)
            for options in (Processing(rotation_degrees=45), Processing(RectF(1, 0, 1, 0))):
                with pytest.raises(ValueError):
                    call(image, 100, options)
            # What was refused has no time.
            call(image, 6)
            with pytest.raises(ValueError, match="does not fit 64 bits of microseconds"):
                call(image, 2**62)
            call(image, 7)


@pytest.mark.parametrize(
    "options, kind, text",
    [
        (Processing(RectF(0.5, 0, 1, 0.5)), ValueError, "Expected RectF with left < right and top < bottom."),
        (Processing(RectF(0, 0.5, 0.5, 1)), ValueError, "Expected RectF with left < right and top < bottom."),
        (Processing(RectF(-0.1, 0, 1, 1)), ValueError, "Expected RectF values to be in [0,1]."),
        (Processing(RectF(0, 0, 1, 1.5)), ValueError, "Expected RectF values to be in [0,1]."),
        (Processing(RectF(float("nan"), 0, 1, 1)), ValueError, "Expected RectF with left < right and top < bottom."),
        # The rotation goes before the region.
        (Processing(RectF(1, 1, 0, 0), 45), ValueError, "Expected rotation to be a multiple of 90°."),
        (Processing(rotation_degrees=1.0), TypeError, ""),
        (Processing(rotation_degrees=None), TypeError, ""),
        (Processing("x"), TypeError, ""),
        (Processing(rect.Rect(0, 0, 1, 1)), TypeError, "incompatible types, MpRectC instance instead of MpRectFC instance"),
    ],
)
def test_wrong_processing(embedder, image, options, kind, text):
    with pytest.raises(kind) as error:
        embedder.embed(image, options)
    assert str(error.value).startswith(text)


def test_regions_and_rotations(embedder, image, pixels):
    # A positional region is left, top, bottom, right.
    positional, named = RectF(0.1, 0.2, 0.9, 0.8), RectF(left=0.1, top=0.2, bottom=0.9, right=0.8)
    whole = vector(embedder.embed(image))
    part = vector(embedder.embed(image, Processing(positional)))
    np.testing.assert_array_equal(part, vector(embedder.embed(image, Processing(named))))
    assert np.abs(part - whole).max() > 1e-3
    np.testing.assert_array_equal(whole, vector(embedder.embed(image, Processing(rotation_degrees=-720))))
    rotated = vector(embedder.embed(image, Processing(rotation_degrees=90)))
    np.testing.assert_array_equal(rotated, vector(embedder.embed(image, Processing(rotation_degrees=-270))))
    assert np.abs(rotated - whole).max() > 1e-3


@pytest.mark.parametrize("wrong", [None, np.zeros((4, 4, 3), np.uint8), 5])
def test_images_that_are_none(embedder, wrong):
    with pytest.raises(AttributeError):
        embedder.embed(wrong)


@pytest.mark.parametrize(
    "kind, data, text",
    [
        ("SRGB", np.zeros(4, np.uint8), "Unsupported number of dimensions:1"),
        ("SRGB", np.zeros((1, 2, 2, 3), np.uint8), "Unsupported number of dimensions:4"),
        ("SRGB", np.zeros((2, 2, 3)), "Unsupported numpy data type: float64"),
        ("SRGB", np.zeros((2, 2, 3), np.float32), "Unsupported image format: SRGB (expected VEC32F1, VEC32F2, or VEC32F4 for float data)"),
        ("VEC32F1", np.zeros((2, 2), np.uint8), "Unsupported image format: VEC32F1 (expected GRAY8, SRGB, or SRGBA for uint8_t data)"),
        ("SRGB", np.zeros((2, 2, 3), np.uint16), "Unsupported image format: SRGB (expected GRAY16, SRGB48, or SRGBA64 for uint16_t data)"),
        ("SRGBA", np.zeros((3, 4, 3), np.uint8), "Pixel data size is too small: 36 (expected 48)"),
        ("SRGBA64", np.zeros((3, 4, 3), np.uint16), "Pixel data size is too small: 72 (expected 96)"),
        (99, np.zeros((3, 4, 3), np.uint8), "Unsupported image format: UNKNOWN (expected GRAY8, SRGB, or SRGBA for uint8_t data)"),
    ],
)
def test_wrong_images(kind, data, text):
    with pytest.raises(ValueError) as error:
        mp.Image(ImageFormat[kind] if isinstance(kind, str) else kind, data)
    assert str(error.value) == text
    for wrong in (None, "SRGB"):
        with pytest.raises(TypeError):
            mp.Image(wrong, np.zeros((2, 2, 3), np.uint8))


def test_wrong_files(tmp_path):
    read = mp.Image.create_from_file
    with pytest.raises(FileNotFoundError) as error:
        read("/nope.jpg")
    assert str(error.value) == "Can't find file: /nope.jpg"
    with pytest.raises(RuntimeError) as error:
        read(str(tmp_path))
    assert str(error.value) == f"Error while reading file: {tmp_path}"
    content = pathlib.Path(fixture("landscape_crop.jpg")).read_bytes()
    for wrong in (b"", b"no image", content[: len(content) // 2]):
        path = tmp_path / "image"
        path.write_bytes(wrong)
        with pytest.raises(RuntimeError, match="^Failed to load image from file"):
            read(str(path))
    for wrong in (b"x.png", None, 5):
        with pytest.raises(TypeError):
            read(wrong)


# 8. Live streams.


def test_results_arrive_in_order_with_their_images(pixels):
    seen, callers = [], set()

    def callback(result, output_image, timestamp_ms):
        callers.add(threading.current_thread())
        seen.append((result, output_image, timestamp_ms))

    frames = {timestamp_ms: mp.Image(ImageFormat.SRGB, np.roll(pixels, timestamp_ms, 1)) for timestamp_ms in range(0, 50, 10)}
    with make(RunningMode.LIVE_STREAM, result_callback=callback) as made:
        for timestamp_ms, frame in frames.items():
            made.embed_async(frame, timestamp_ms)
            while not any(timestamp_ms == time_ms for _, _, time_ms in seen):
                time.sleep(0.001)
    (caller,) = callers
    assert caller is not threading.main_thread() and caller.daemon
    with make() as still:
        for (result, output_image, timestamp_ms), (sent_ms, frame) in zip(seen, frames.items()):
            assert timestamp_ms == result.timestamp_ms == sent_ms and type(timestamp_ms) is int
            np.testing.assert_array_equal(vector(result), vector(still.embed(frame)))
            assert output_image is not frame and np.shares_memory(output_image.numpy_view(), frame.numpy_view())


def test_the_newest_frame_is_kept(image):
    times = []
    with make(RunningMode.LIVE_STREAM, result_callback=lambda _r, _i, t: times.append(t)) as made:
        for timestamp_ms in range(100):
            made.embed_async(image, timestamp_ms)
    assert times == sorted(times) and times[-1] == 99
    assert threading.active_count() < 10


def test_exceptions_in_callbacks_are_logged(image, caplog):
    def callback(_result, _image, timestamp_ms):
        raise KeyError(timestamp_ms)

    with make(RunningMode.LIVE_STREAM, result_callback=callback) as made:
        made.embed_async(image, 7)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("root", logging.ERROR)
    assert record.getMessage() == "Error in callback: KeyError(7)" and record.exc_info


def test_slow_callbacks_hold_nothing_up(image):
    times, done = [], threading.Event()

    def callback(_result, _image, timestamp_ms):
        done.wait(20)
        times.append(timestamp_ms)

    made = make(RunningMode.LIVE_STREAM, result_callback=callback)
    for timestamp_ms in range(3):
        made.embed_async(image, timestamp_ms)
        time.sleep(0.1)
    assert times == []
    done.set()
    # Waits for all of them.
    made.close()
    assert times == [0, 1, 2]


def test_frames_may_be_sent_from_the_callback(image):
    times, done = [], threading.Event()

    def callback(_result, output_image, timestamp_ms):
        times.append(timestamp_ms)
        if timestamp_ms < 5:
            made.embed_async(output_image, timestamp_ms + 1)
        else:
            done.set()

    with make(RunningMode.LIVE_STREAM, result_callback=callback) as made:
        made.embed_async(image, 1)
        assert done.wait(20)
    assert times == [1, 2, 3, 4, 5]


def test_closing_from_the_callback(image):
    raised, done = [], threading.Event()

    def callback(_result, _image, _timestamp_ms):
        try:
            made.close()
        except RuntimeError as error:
            raised.append(str(error))
        done.set()

    made = make(RunningMode.LIVE_STREAM, result_callback=callback)
    made.embed_async(image, 1)
    assert done.wait(20)
    assert raised == ["cannot join current thread"]
    made.close()


def test_failures_of_frames_are_logged(caplog, image):
    """The reference says nothing, and is broken after that."""
    times = []
    with make(RunningMode.LIVE_STREAM, result_callback=lambda _r, _i, t: times.append(t)) as made:
        made.embed_async(mp.Image(ImageFormat.GRAY16, np.zeros((2, 2), np.uint16)), 1)
        while not caplog.records:
            time.sleep(0.001)
        made.embed_async(image, 2)
    assert times == [2] and "Unsupported format: 4" in caplog.records[0].getMessage()


def test_callbacks_are_not_looked_at(image, caplog):
    with make(RunningMode.LIVE_STREAM, result_callback=5) as made:
        made.embed_async(image, 1)
    assert "TypeError" in caplog.records[0].getMessage()


def test_the_interpreter_ends_after_the_last_callback():
    program = f"""
        import numpy as np
        import lookalike.mediapipe as mp
        vision = mp.tasks.vision
        base = mp.tasks.BaseOptions(model_asset_path={MODEL!r})
        options = vision.ImageEmbedderOptions(
            base, vision.RunningMode.LIVE_STREAM, result_callback=lambda r, i, t: print(t, flush=True))
        embedder = vision.ImageEmbedder.create_from_options(options)
        del options
        for time in range(50):
            embedder.embed_async(mp.Image(mp.ImageFormat.SRGB, np.zeros((200, 200, 3), np.uint8)), time)
    """
    run = subprocess.run([sys.executable, "-X", "dev", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stderr == ""
    assert run.stdout.split()[-1] == "49"


# 9. Memory and threads.


def test_views_outlive_their_images():
    view = mp.Image.create_from_file(fixture("landscape.png")).numpy_view()
    expected = view.copy()
    gc.collect()
    np.testing.assert_array_equal(view, expected)
    with pytest.raises(ValueError):
        view.setflags(write=True)


def test_options_may_go(image):
    times = []
    options = ImageEmbedderOptions(BaseOptions(MODEL), RunningMode.LIVE_STREAM, result_callback=lambda _r, _i, t: times.append(t))
    made = ImageEmbedder.create_from_options(options)
    del options
    gc.collect()
    made.embed_async(image, 3)
    made.close()
    assert times == [3]


# 10. The reference's own tests.


@pytest.mark.parametrize(
    "options, similarity, firsts, region",
    [
        ({}, 0.9200113126421327, (0.2447935938835144, 0.614507257938385), None),
        ({"l2_normalize": True}, 0.9200113126643285, (0.015040607191622257, 0.03776068612933159), None),
        ({"quantize": True}, 0.9047161293815614, (31, 79), None),
        ({}, 0.9999574417421547, (0.6063483953475952, 0.614507257938385), RectF(left=0, top=0, right=0.833333, bottom=1)),
    ],
)
def test_reference_values(options, similarity, firsts, region):
    with make(base=BaseOptions(cached("mobilenet_v3_small.tflite")), **options) as made:
        burger, crop = (mp.Image.create_from_file(cached(name)) for name in ("burger.jpg", "burger_crop.jpg"))
        a, b = made.embed(burger, Processing(region)), made.embed(crop)
    assert len(a.embeddings) == 1 and len(vector(a)) == 1024
    assert vector(a).dtype == (np.uint8 if "quantize" in options else float)
    for result, first in zip((a, b), firsts):
        assert vector(result)[0] == pytest.approx(first, abs=1e-5)
    assert ImageEmbedder.cosine_similarity(a.embeddings[0], b.embeddings[0]) == pytest.approx(similarity, abs=1e-6)


def test_programs_of_mediapipe_run():
    """The tests of the C interface, which run on MediaPipe's own Python as well."""
    program = str(ROOT / "xtask/python/drop_in.py")
    command = ["-m", "lookalike.compat", "run", "mediapipe", program, MODEL, str(FIXTURES), str(CACHE)]
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stderr.rstrip().endswith("OK")
