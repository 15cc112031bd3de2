"""Captures what tflite-support 0.4.4 says of the fixtures. Usage: task_library.py FIXTURES BUILT_IN_MODEL OUTPUT.json"""

import base64
import itertools
import json
import pathlib
import sys

import numpy as np
from tflite_support.task import core, processor, vision

IMAGES = ["landscape.png", "tiles.png", "tiny.png", "tiny_rgba.png", "tiny_16_bit.png", "tiny_grey.png"]
REGIONS = [None, [3, 2, 15, 11], [5, 1, 7, 5]]


def embedder(model, l2_normalize, quantize):
    options = vision.ImageEmbedderOptions(
        core.BaseOptions(file_name=str(model), num_threads=1),
        processor.EmbeddingOptions(l2_normalize=l2_normalize, quantize=quantize),
    )
    return vision.ImageEmbedder.create_from_options(options)


def embed(model, image, region):
    box = None if region is None else processor.BoundingBox(*region)
    return model.embed(image, box)


def encode(result):
    heads = []
    for embedding in result.embeddings:
        value = embedding.feature_vector.value
        quantized = value.dtype == np.uint8
        data = value if quantized else value.astype("<f4")
        heads.append({"type": "i8" if quantized else "f32", "base64": base64.b64encode(data.tobytes()).decode()})
    return heads


def main(fixtures, built_in, output):
    models = [built_in, *sorted(fixtures.glob("*.tflite"))]
    images = {name: vision.TensorImage.create_from_file(str(fixtures / name)) for name in IMAGES}
    refused, cases, cosines = {}, [], []
    for path in models:
        for l2_normalize, quantize in itertools.product([False, True], repeat=2):
            try:
                model = embedder(path, l2_normalize, quantize)
            except Exception as error:
                refused[path.name] = {"exception": type(error).__name__, "message": str(error)}
                break
            settings = {"model": path.name, "l2_normalize": l2_normalize, "quantize": quantize}
            for name, region in itertools.product(IMAGES, REGIONS):
                case = {**settings, "image": name, "roi": region}
                try:
                    case["heads"] = encode(embed(model, images[name], region))
                except Exception as error:
                    case["error"] = str(error)
                cases.append(case)
            first = embed(model, images["landscape.png"], None).embeddings[0].feature_vector
            second = embed(model, images["tiles.png"], None).embeddings[0].feature_vector
            try:
                cosines.append({**settings, "cosine": model.cosine_similarity(first, second)})
            except Exception as error:
                cosines.append({**settings, "error": str(error)})
    document = {"engine": "tflite-support 0.4.4", "refused": refused, "cases": cases, "cosines": cosines}
    lines = [f' "engine": {json.dumps(document["engine"])}']
    for key in ["refused", "cases", "cosines"]:
        entries = document[key]
        if isinstance(entries, dict):
            body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
            lines.append(f' "{key}": {{\n{body}\n }}')
        else:
            body = ",\n".join("  " + json.dumps(entry) for entry in entries)
            lines.append(f' "{key}": [\n{body}\n ]')
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main(*map(pathlib.Path, sys.argv[1:4]))
