"""MediaPipe's own Python over the library that is put into its package: `drop_in.py MODEL FIXTURES CACHE [unittest arguments]`.

With `--vectors FILE` it writes the vectors of much work to a file instead, so that those of two libraries can be compared.
"""

import gc
import json
import logging
import os
import sys
import tempfile
import threading
import time
import unittest

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.components.containers import rect
from mediapipe.tasks.python.components.utils import cosine_similarity

MODEL, FIXTURES, CACHE = sys.argv[1:4]
# MediaPipe crashes once the options of a live stream are collected, as its callback is.
KEPT = []
Mode = vision.RunningMode
Processing = vision.ImageProcessingOptions


def fixture(name):
    return os.path.join(FIXTURES, name)


def cached(name):
    return os.path.join(CACHE, name)


def embedder(mode=Mode.IMAGE, model=MODEL, **options):
    base = BaseOptions(model_asset_path=model)
    made = vision.ImageEmbedderOptions(base_options=base, running_mode=mode, **options)
    KEPT.append(made)
    return vision.ImageEmbedder.create_from_options(made)


def image(height=48, width=64, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    formats = {1: mp.ImageFormat.GRAY8, 3: mp.ImageFormat.SRGB, 4: mp.ImageFormat.SRGBA}
    return mp.Image(formats[channels], pixels)


def vector(result, head=0):
    return result.embeddings[head].embedding


class ImageMode(unittest.TestCase):

    def test_results_are_float64_and_uint8(self):
        with embedder() as task:
            first = task.embed(image())
        self.assertEqual(vector(first).dtype, np.float64)
        self.assertEqual(first.embeddings[0].head_index, 0)
        with embedder(quantize=True) as task:
            self.assertEqual(vector(task.embed(image())).dtype, np.uint8)

    def test_l2_normalized_vectors_have_norm_1(self):
        with embedder(l2_normalize=True) as task:
            self.assertAlmostEqual(np.linalg.norm(vector(task.embed(image()))), 1, places=5)

    def test_times_are_made_up(self):
        with embedder() as task:
            times = [task.embed(image()).timestamp_ms for _ in range(3)]
        self.assertEqual(times, [0, 1000, 2000])

    def test_create_from_model_path_and_buffer(self):
        with vision.ImageEmbedder.create_from_model_path(MODEL) as task:
            expected = vector(task.embed(image()))
        with open(MODEL, "rb") as file:
            base = BaseOptions(model_asset_buffer=file.read(), model_asset_path="/nope.tflite")
        options = vision.ImageEmbedderOptions(base_options=base)
        with vision.ImageEmbedder.create_from_options(options) as task:
            np.testing.assert_array_equal(vector(task.embed(image())), expected)

    def test_similarity(self):
        with embedder() as task:
            u, v = (task.embed(image(seed=seed)).embeddings[0] for seed in (1, 2))
            self.assertAlmostEqual(vision.ImageEmbedder.cosine_similarity(u, u), 1, places=12)
            self.assertEqual(cosine_similarity.cosine_similarity(u, v),
                             vision.ImageEmbedder.cosine_similarity(u, v))

    def test_regions_and_rotations_change_the_vector(self):
        with embedder() as task:
            whole = vector(task.embed(image()))
            region = Processing(rect.RectF(left=0.1, top=0.2, right=0.9, bottom=0.7))
            self.assertGreater(np.abs(vector(task.embed(image(), region)) - whole).max(), 1e-3)
            upside_down = Processing(rotation_degrees=180)
            self.assertGreater(np.abs(vector(task.embed(image(), upside_down)) - whole).max(), 1e-3)

    def test_two_heads(self):
        with embedder(model=fixture("two_heads.tflite")) as task:
            result = task.embed(image())
        self.assertEqual([e.head_index for e in result.embeddings], [0, 1])
        self.assertEqual([e.head_name for e in result.embeddings], ["colour", "texture"])

    def test_alpha_has_no_influence(self):
        pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
        opaque = np.ascontiguousarray(pixels[..., :3])
        with embedder() as task:
            np.testing.assert_array_equal(
                vector(task.embed(mp.Image(mp.ImageFormat.SRGBA, pixels))),
                vector(task.embed(mp.Image(mp.ImageFormat.SRGB, opaque))))

    def test_many_threads(self):
        with embedder() as task:
            expected, results = vector(task.embed(image())), []
            work = lambda: results.append(vector(task.embed(image())))
            threads = [threading.Thread(target=work) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(len(results), 16)
        for result in results:
            np.testing.assert_array_equal(result, expected)

    def test_results_outlive_everything(self):
        task = embedder()
        result = task.embed(image())
        copy = vector(result).copy()
        task.close()
        del task
        gc.collect()
        np.testing.assert_array_equal(vector(result), copy)


class VideoMode(unittest.TestCase):

    def test_times_are_the_callers(self):
        with embedder(Mode.VIDEO) as task:
            times = [task.embed_for_video(image(), time).timestamp_ms for time in (5, 6, 100)]
            self.assertEqual(times, [5, 6, 100])
            with self.assertRaisesRegex(ValueError, "Input timestamp must be monotonically increasing"):
                task.embed_for_video(image(), 100)
            self.assertEqual(task.embed_for_video(image(), 101).timestamp_ms, 101)

    def test_vectors_are_those_of_images(self):
        with embedder(Mode.VIDEO) as video, embedder() as still:
            np.testing.assert_array_equal(vector(video.embed_for_video(image(), 1)),
                                          vector(still.embed(image())))


class LiveStream(unittest.TestCase):

    def test_results_arrive_in_order_with_the_image(self):
        seen = []
        frames = {time: image(seed=time) for time in range(0, 500, 100)}

        def callback(result, output_image, timestamp_ms):
            self.assertEqual(result.timestamp_ms, timestamp_ms)
            seen.append((timestamp_ms, vector(result).copy(), output_image.numpy_view().copy()))

        with embedder(Mode.LIVE_STREAM, result_callback=callback) as task:
            for timestamp_ms, frame in frames.items():
                task.embed_async(frame, timestamp_ms)
                time.sleep(0.1)
        with embedder() as still:
            self.assertEqual([timestamp_ms for timestamp_ms, _, _ in seen], list(frames))
            for timestamp_ms, values, pixels in seen:
                np.testing.assert_array_equal(values, vector(still.embed(frames[timestamp_ms])))
                np.testing.assert_array_equal(pixels, frames[timestamp_ms].numpy_view())

    def test_the_newest_frame_is_kept(self):
        times = []
        with embedder(Mode.LIVE_STREAM, result_callback=lambda _r, _i, t: times.append(t)) as task:
            for timestamp_ms in range(100):
                task.embed_async(image(), timestamp_ms)
        self.assertEqual(times, sorted(times))
        self.assertEqual(times[-1], 99)

    def test_frames_may_be_sent_from_the_callback(self):
        times, done = [], threading.Event()

        def callback(_result, output_image, timestamp_ms):
            times.append(timestamp_ms)
            if timestamp_ms < 5:
                task.embed_async(output_image, timestamp_ms + 1)
            else:
                done.set()

        with embedder(Mode.LIVE_STREAM, result_callback=callback) as task:
            task.embed_async(image(), 1)
            self.assertTrue(done.wait(20))
        self.assertEqual(times, [1, 2, 3, 4, 5])

    def test_an_exception_in_the_callback_is_logged(self):
        def callback(_result, _image, _timestamp_ms):
            raise KeyError("boom")

        with self.assertLogs(level=logging.ERROR) as logs:
            with embedder(Mode.LIVE_STREAM, result_callback=callback) as task:
                task.embed_async(image(), 1)
        self.assertIn("boom", logs.output[0])

    def test_callbacks_are_needed_here_and_refused_elsewhere(self):
        with self.assertRaisesRegex(ValueError, "result callback must be provided"):
            embedder(Mode.LIVE_STREAM)
        for mode in (Mode.IMAGE, Mode.VIDEO):
            with self.assertRaisesRegex(ValueError, "result callback should not be provided"):
                embedder(mode, result_callback=lambda _r, _i, _t: None)


class Exceptions(unittest.TestCase):

    def refused(self, kind, text, call):
        with self.assertRaisesRegex(kind, text):
            call()

    def test_models(self):
        create = lambda **base: vision.ImageEmbedder.create_from_options(
            vision.ImageEmbedderOptions(base_options=BaseOptions(**base)))
        none = "ExternalFile must specify at least one of 'file_content', 'file_name', "
        self.refused(ValueError, none, create)
        self.refused(ValueError, none, lambda: create(model_asset_path=""))
        self.refused(FileNotFoundError, "Unable to open file at /path/to/invalid/model.tflite",
                     lambda: create(model_asset_path="/path/to/invalid/model.tflite"))
        self.refused(ValueError, "The model is not a valid Flatbuffer buffer",
                     lambda: create(model_asset_buffer=b"no model" * 10))
        self.refused(FileNotFoundError, "Input tensor has type float32: it requires specifying "
                     "NormalizationOptions metadata to preprocess input images",
                     lambda: create(model_asset_path=fixture("refused_no_normalization.tflite")))
        gpu = BaseOptions.Delegate.GPU
        self.refused(RuntimeError, "", lambda: create(model_asset_path=MODEL, delegate=gpu))

    def test_running_modes(self):
        modes = {Mode.IMAGE: "image", Mode.VIDEO: "video", Mode.LIVE_STREAM: "live stream"}
        for mode, name in modes.items():
            callback = {"result_callback": lambda _r, _i, _t: None} if mode == Mode.LIVE_STREAM else {}
            with embedder(mode, **callback) as task:
                calls = {
                    "image": lambda: task.embed(image()),
                    "video": lambda: task.embed_for_video(image(), 1),
                    "live stream": lambda: task.embed_async(image(), 2),
                }
                for asked, call in calls.items():
                    if asked == name:
                        call()
                        continue
                    self.refused(ValueError, f"Task is not initialized with the {asked} mode. "
                                 f"Current running mode:{name} mode", call)

    def test_processing_options(self):
        with embedder() as task:
            for text, options in [
                ("Expected RectF with left < right and top < bottom", Processing(rect.RectF(0.5, 0, 1, 0.5))),
                ("Expected RectF values to be in \\[0,1\\]", Processing(rect.RectF(0, 0, 1, 1.5))),
                ("Expected rotation to be a multiple of 90°", Processing(rect.RectF(1, 1, 0, 0), 45)),
            ]:
                self.refused(ValueError, text, lambda: task.embed(image(), options))
            self.assertEqual(vector(task.embed(image())).ndim, 1)

    def test_images(self):
        make = lambda *arguments: lambda: mp.Image(*arguments)
        f = mp.ImageFormat
        zeros = lambda shape, dtype: np.zeros(shape, dtype)
        self.refused(ValueError, "Unsupported image format: SRGB .expected VEC32F1, VEC32F2, or VEC32F4 for float data",
                     make(f.SRGB, zeros((2, 2, 3), np.float32)))
        self.refused(ValueError, "expected GRAY8, SRGB, or SRGBA for uint8_t data", make(f.GRAY16, zeros((2, 2), np.uint8)))
        self.refused(ValueError, "expected GRAY16, SRGB48, or SRGBA64 for uint16_t data",
                     make(f.SRGB, zeros((2, 2, 3), np.uint16)))
        self.refused(ValueError, "Pixel data size is too small: 36 .expected 48.", make(f.SRGBA, zeros((3, 4, 3), np.uint8)))
        read = mp.Image.create_from_file
        self.refused(FileNotFoundError, "Can't find file: /nope.jpg", lambda: read("/nope.jpg"))
        self.refused(RuntimeError, "Error while reading file: ", lambda: read(FIXTURES))
        with tempfile.NamedTemporaryFile() as file:
            self.refused(RuntimeError, "Failed to load image from file", lambda: read(file.name))

    def test_similarity(self):
        cosine = cosine_similarity.cosine_similarity
        from mediapipe.tasks.python.components.containers.embedding_result import Embedding
        of = lambda *values: Embedding(np.array(values, dtype=float))
        self.refused(ValueError, "different sizes .2 vs. 3.", lambda: cosine(of(1, 2), of(1, 2, 3)))
        self.refused(ValueError, "embedding with 0 norm", lambda: cosine(of(0, 0), of(1, 2)))


class Images(unittest.TestCase):

    def test_properties(self):
        pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
        made = mp.Image(mp.ImageFormat.SRGB, pixels)
        self.assertEqual((made.width, made.height, made.channels, made.step), (4, 3, 3, 16))
        self.assertEqual(made.image_format, mp.ImageFormat.SRGB)
        self.assertFalse(made.is_contiguous())
        self.assertFalse(made.is_empty())
        self.assertFalse(made.uses_gpu())
        self.assertTrue(made.is_aligned(1))
        self.assertEqual(made[2, 3, 2], 35)
        np.testing.assert_array_equal(made.numpy_view(), pixels)

    def test_all_formats(self):
        f = mp.ImageFormat
        for kind, dtype, channels in [
            (f.GRAY8, np.uint8, 1), (f.SRGB, np.uint8, 3), (f.SRGBA, np.uint8, 4),
            (f.GRAY16, np.uint16, 1), (f.SRGB48, np.uint16, 3), (f.SRGBA64, np.uint16, 4),
            (f.VEC32F1, np.float32, 1), (f.VEC32F2, np.float32, 2), (f.VEC32F4, np.float32, 4),
        ]:
            shape = (5, 7, channels) if channels > 1 else (5, 7)
            pixels = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
            made = mp.Image(kind, pixels)
            np.testing.assert_array_equal(made.numpy_view().reshape(shape), pixels)
            index = (4, 6, channels - 1)
            self.assertEqual(made[index], pixels.reshape(5, 7, channels)[index])

    def test_files(self):
        self.assertEqual(mp.Image.create_from_file(fixture("tiny_grey.png")).image_format, mp.ImageFormat.GRAY8)
        self.assertEqual(mp.Image.create_from_file(fixture("tiny_rgba.png")).image_format, mp.ImageFormat.SRGBA)
        for number in range(1, 9):
            made = mp.Image.create_from_file(fixture(f"tiny_exif_{number}.jpg"))
            self.assertEqual((made.width, made.height), (24, 16) if number < 5 else (16, 24))

    def test_an_image_may_have_no_pixels(self):
        made = mp.Image(mp.ImageFormat.GRAY8, np.zeros((0, 0), np.uint8))
        self.assertEqual((made.width, made.height, made.is_empty()), (0, 0, False))


# What MediaPipe does not survive: these run on our library alone.
class BeyondTheReference(unittest.TestCase):

    def test_gray_images_are_embedded(self):
        gray = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
        with embedder() as task:
            expected = vector(task.embed(mp.Image(mp.ImageFormat.SRGB, np.stack([gray] * 3, axis=-1))))
            np.testing.assert_array_equal(vector(task.embed(mp.Image(mp.ImageFormat.GRAY8, gray))), expected)

    def test_no_image_harms_the_embedder(self):
        f = mp.ImageFormat
        with embedder() as task:
            before = vector(task.embed(image()))
            for kind, dtype, shape in [(f.VEC32F4, np.float32, (2, 2, 4)), (f.GRAY16, np.uint16, (2, 2)),
                                       (f.SRGBA64, np.uint16, (2, 2, 4)), (f.GRAY8, np.uint8, (0, 0))]:
                with self.assertRaises(ValueError):
                    task.embed(mp.Image(kind, np.zeros(shape, dtype)))
            np.testing.assert_array_equal(vector(task.embed(image())), before)

    def test_indices_outside_are_index_errors(self):
        for index in [(48, 0, 0), (0, 64, 0), (0, 0, 3), (-1, 0, 0)]:
            with self.assertRaises(IndexError):
                image()[index]

    def test_odd_alignments_are_survived(self):
        self.assertFalse(image().is_aligned(3))
        self.assertEqual(mp.Image(mp.ImageFormat.GRAY8, np.zeros((0, 4), np.uint8)).numpy_view().size, 0)

    def test_times_beyond_64_bits_of_microseconds(self):
        with embedder(Mode.VIDEO) as task, self.assertRaises(ValueError):
            task.embed_for_video(image(), 2**62)


def vectors():
    """Vectors of images, videos and files, in all ways that change them."""
    found = {}
    models = {"model": MODEL, "two_heads": fixture("two_heads.tflite")}
    pictures = {name: fixture(name) for name in ("landscape.png", "landscape_crop.jpg", "tiny_exif_6.jpg", "tiny_rgba.png")}
    if os.path.exists(cached("mobilenet_v3_small.tflite")):
        models["mobilenet_v3_small"] = cached("mobilenet_v3_small.tflite")
        models["mobilenet_v1"] = cached("mobilenet_v1_0.25_224_1_metadata_1.tflite")
        models["automl"] = cached("automl_labeler_model.tflite")
        pictures["burger.jpg"] = cached("burger.jpg")
    ways = {
        "whole": None,
        "region": Processing(rect.RectF(left=0.1, top=0.25, right=0.75, bottom=0.9)),
        "rotated": Processing(rotation_degrees=90),
        "both": Processing(rect.RectF(left=0, top=0.1, right=0.6, bottom=1), -90),
    }
    for model, path in models.items():
        for options in ({"l2_normalize": True}, {"l2_normalize": True, "quantize": True}):
            with embedder(model=path, **options) as task:
                for picture, file in pictures.items():
                    for way, processing in ways.items():
                        result = task.embed(mp.Image.create_from_file(file), processing)
                        key = f"{model} {'bytes' if 'quantize' in options else 'floats'} {picture} {way}"
                        found[key] = [e.embedding.tolist() for e in result.embeddings]
    return found


if __name__ == "__main__":
    arguments = sys.argv[4:]
    if arguments[:1] == ["--vectors"]:
        with open(arguments[1], "w") as out:
            json.dump(vectors(), out)
    else:
        unittest.main(argv=[sys.argv[0], *arguments])
