"""The small interface."""

import copy
import os
import pathlib
import pickle
import subprocess
import sys

import lookalike
import numpy as np
import pytest
from conftest import MODEL, cached, fixture
from PIL import Image


@pytest.fixture(scope="module")
def embedder():
    return lookalike.Embedder()


def test_vectors_are_float32_or_int8(pixels):
    vector = lookalike.Embedder(MODEL).embed(pixels)
    assert (vector.dtype, vector.shape, vector.flags.owndata) == (np.float32, (306,), True)
    vector = lookalike.Embedder(MODEL, l2_normalize=True, quantize=True).embed(pixels)
    assert vector.dtype == np.int8
    assert np.linalg.norm(lookalike.Embedder(l2_normalize=True).embed(pixels)) == pytest.approx(1, abs=1e-6)


def test_models_are_paths_bytes_or_built_in(pixels):
    expected = lookalike.Embedder().embed(pixels)
    data = pathlib.Path(MODEL).read_bytes()
    for model in (MODEL, pathlib.Path(MODEL), data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(lookalike.Embedder(model).embed(pixels), expected)


@pytest.mark.parametrize(
    "options, kind, text",
    [
        ({"model": "/nope.tflite"}, FileNotFoundError, "Unable to open file at /nope.tflite"),
        ({"model": b"no model"}, ValueError, "The model is not a valid Flatbuffer buffer"),
        ({"model": b""}, ValueError, "must specify at least one of"),
        ({"model": 5}, TypeError, "a model is a path or bytes, not int"),
        ({"backend": "nope"}, ValueError, "backend='nope': this package has 'auto', 'native'"),
        ({"preprocess": "nope"}, ValueError, "preprocess='nope': there is 'task-library'"),
        ({"threads": -2}, RuntimeError, "Failed setting number of CPU threads"),
        ({"threads": 1.5}, TypeError, "interpreted as an integer"),
    ],
)
def test_wrong_options_are_refused(options, kind, text):
    with pytest.raises(kind, match=text):
        lookalike.Embedder(**options)


def test_pixels_may_be_many_things(embedder, pixels):
    expected = embedder.embed(pixels)
    wide = np.zeros((48, 100, 3), np.uint8)
    wide[:, :64] = pixels
    for image in (
        Image.fromarray(pixels),
        memoryview(pixels),
        pixels[np.newaxis],
        np.asfortranarray(pixels),
        pixels[::-1][::-1],
        wide[:, :64],
        np.ascontiguousarray(pixels[:, ::-1])[:, ::-1],
    ):
        np.testing.assert_array_equal(embedder.embed(image), expected)


def test_tensors_come_by_dlpack_and_arrays_by_their_protocols(embedder, pixels):
    class Tensor:
        def __dlpack__(self, *arguments, **options):
            return pixels.__dlpack__(*arguments, **options)

        def __dlpack_device__(self):
            return pixels.__dlpack_device__()

    class Array:
        def __array__(self, dtype=None, copy=None):
            return pixels

    for image in (Tensor(), Array()):
        np.testing.assert_array_equal(embedder.embed(image), embedder.embed(pixels))


def test_gray_is_rgb_with_equal_channels_and_alpha_has_no_influence(embedder, pixels):
    gray = pixels[:, :, 0]
    expected = embedder.embed(np.stack([gray] * 3, axis=-1))
    for image in (gray, gray[:, :, np.newaxis], Image.fromarray(gray)):
        np.testing.assert_array_equal(embedder.embed(image), expected)
    alpha = np.concatenate([pixels, gray[:, :, np.newaxis]], axis=-1)
    np.testing.assert_array_equal(embedder.embed(alpha), embedder.embed(pixels))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "PA", "La", "RGBa"])
def test_pil_images_of_all_modes_of_bytes(embedder, pixels, mode):
    image = Image.fromarray(pixels).convert("RGBA" if mode in ("PA", "RGBa", "La") else "RGB")
    image = image.convert("LA").convert("La") if mode == "La" else image
    image = image.convert("LA").convert("PA") if mode == "PA" else image.convert(mode)
    assert embedder.embed(image).shape == (306,)


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_pil_images_of_other_modes_are_refused(embedder, mode):
    with pytest.raises(ValueError, match="mode"):
        embedder.embed(Image.new(mode, (4, 4)))


def test_files_are_paths_or_bytes(embedder):
    path = fixture("landscape.png")
    data = pathlib.Path(path).read_bytes()
    expected = embedder.embed(np.asarray(Image.open(path)))
    for image in (path, pathlib.Path(path), data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(embedder.embed(image), expected)


def test_files_are_rotated_as_they_say(embedder):
    vectors = [embedder.embed(fixture(f"tiny_exif_{number}.jpg")) for number in (1, 6)]
    assert not np.array_equal(*vectors)


@pytest.mark.parametrize(
    "image, kind, text",
    [
        ("/nope.jpg", FileNotFoundError, "Unable to open file at /nope.jpg"),
        (b"", ValueError, "the file is empty"),
        (b"abc", ValueError, "unknown image type"),
        ("/", RuntimeError, "/"),
        (None, TypeError, "cannot embed NoneType"),
        (5, TypeError, "cannot embed int"),
        ([1, 2], TypeError, "cannot embed list"),
        (np.zeros((4, 4, 3)), TypeError, "pixels are float64: give uint8"),
        (np.zeros((4, 4, 3), np.int8), TypeError, "pixels are int8"),
        (np.zeros((3, 9, 9), np.uint8), ValueError, "channels come last"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, "this has \\(4, 4, 2\\)"),
        (np.zeros(4, np.uint8), ValueError, "this has \\(4,\\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), ValueError, "this has \\(2, 4, 4, 3\\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "no pixels"),
        (np.zeros((4, 0, 3), np.uint8), ValueError, "no pixels"),
    ],
)
def test_what_is_no_picture_is_refused(embedder, image, kind, text):
    with pytest.raises(kind, match=text):
        embedder.embed(image)
    assert embedder.embed(np.zeros((4, 4, 3), np.uint8)).shape == (306,)


def test_regions_and_rotations(embedder, pixels):
    part = embedder.embed(pixels, region=(8, 4, 32, 20))
    np.testing.assert_array_equal(part, embedder.embed(pixels[4:24, 8:40]))
    np.testing.assert_array_equal(part, embedder.embed(pixels, region=np.array([8, 4, 32, 20])))
    assert not np.array_equal(embedder.embed(pixels), embedder.embed(pixels, rotation=90))
    np.testing.assert_array_equal(embedder.embed(pixels, rotation=360), embedder.embed(pixels))
    for region in [(0, 0, 65, 48), (-1, 0, 4, 4), (0, 0, 0, 4)]:
        with pytest.raises(ValueError, match="Invalid crop coordinates"):
            embedder.embed(pixels, region=region)
    with pytest.raises(ValueError, match="not 3 numbers"):
        embedder.embed(pixels, region=(0, 0, 4))
    with pytest.raises((AttributeError, TypeError)):
        embedder.embed(pixels, region=(0.0, 0, 4, 4))
    with pytest.raises(ValueError, match="Expected rotation to be a multiple of 90"):
        embedder.embed(pixels, rotation=45)


def test_heads_are_chosen_by_index_or_name(pixels):
    embedder = lookalike.Embedder(fixture("two_heads.tflite"))
    assert [(head.index, head.name) for head in embedder.info.heads] == [(0, "colour"), (1, "texture")]
    np.testing.assert_array_equal(embedder.embed(pixels, head=1), embedder.embed(pixels, head="texture"))
    for head in (2, -1, "nope"):
        with pytest.raises(ValueError, match="it has: 0 colour, 1 texture"):
            embedder.embed(pixels, head=head)


def test_many_are_embedded_in_order(embedder, pixels):
    images = [np.roll(pixels, shift, 0) for shift in range(20)]
    expected = [embedder.embed(image) for image in images]
    for jobs in (None, 1, 3):
        vectors = list(embedder.embed_many(iter(images), jobs=jobs))
        assert all(np.array_equal(*pair) for pair in zip(vectors, expected)) and len(vectors) == 20


def test_each_of_many_may_fail(embedder, pixels):
    images = [pixels, "/nope.jpg", pixels]
    found = list(embedder.embed_many(images, on_error="return"))
    assert [type(item) for item in found] == [np.ndarray, FileNotFoundError, np.ndarray]
    iterator = embedder.embed_many(images)
    assert next(iterator).shape == (306,)
    with pytest.raises(FileNotFoundError):
        next(iterator)
    for options in ({"jobs": 0}, {"on_error": "ignore"}, {"head": 7}):
        with pytest.raises(ValueError):
            embedder.embed_many(images, **options)


def test_many_are_not_taken_far_ahead(embedder, pixels):
    taken = []

    def endless():
        while True:
            taken.append(None)
            yield pixels

    iterator = embedder.embed_many(endless(), jobs=2)
    for _ in range(3):
        next(iterator)
    assert len(taken) < 12
    iterator.close()


def test_many_may_show_their_progress(embedder, pixels, capsys):
    assert len(list(embedder.embed_many([pixels] * 3, progress=True))) == 3
    assert "3/3" in capsys.readouterr().err


def test_similarity(embedder, pixels):
    assert embedder.similarity(pixels, pixels) == pytest.approx(1, abs=1e-7)
    landscape, crop = fixture("landscape.png"), fixture("landscape_crop.jpg")
    alike = embedder.similarity(landscape, crop)
    assert embedder.similarity(landscape, fixture("tiles.png")) < alike < 1
    assert alike == lookalike.cosine(embedder.embed(landscape), embedder.embed(crop))


def test_cosine():
    assert lookalike.cosine([1, 0], [0, 2]) == 0
    assert lookalike.cosine(np.array([127, 0], np.int8), np.array([-128, 0], np.int8)) == -1
    assert lookalike.cosine(np.ones(3), np.ones(3, np.float32)) == pytest.approx(1)
    for u, v, text in [
        ([1, 2], [1, 2, 3], "different sizes"),
        ([], [], "empty"),
        ([0, 0], [1, 2], "0 norm"),
        ([1, 2], np.ones(2, np.int8), "quantized and float"),
        ([float("nan")], [1], "not finite"),
        (np.ones((2, 2)), np.ones(2), "one dimension"),
    ]:
        with pytest.raises(ValueError, match=text):
            lookalike.cosine(u, v)


def test_info_says_what_there_is(embedder):
    info = embedder.info
    assert (info.backend, info.preprocess, info.input_size, info.library) == ("native", "task-library", (128, 128), None)
    assert lookalike.__version__ in info.version
    assert repr(embedder) == "<lookalike.Embedder on native, preprocess='task-library'>"
    for copied in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be pickled"):
            copied(embedder)


def test_profiles_give_the_vectors_of_both_references():
    model, image = cached("mobilenet_v3_small.tflite"), cached("burger.jpg")
    for preprocess, first in (("task-library", 0.308115690946579), ("mediapipe", 0.2447935938835144)):
        vector = lookalike.Embedder(model, preprocess=preprocess).embed(image)
        assert vector[0] == pytest.approx(first, abs=5e-6)


def test_the_command_line_comes_along():
    arguments = ["compare", fixture("landscape.png"), fixture("landscape_crop.jpg")]
    program = os.path.join(os.path.dirname(sys.executable), "lookalike")
    outputs = [
        subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout
        for command in ([program], [sys.executable, "-m", "lookalike"])
    ]
    assert outputs[0] == outputs[1] and outputs[0].startswith("Cosine similarity: 0.9")
    missing = subprocess.run([program, "compare", "/nope", "/nope"], capture_output=True, text=True)
    assert missing.returncode != 0 and "/nope" in missing.stderr
    helped = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert "compare" in helped.stdout
