"""Checks a converted model with the packages onnx and onnxruntime.

usage: check_onnx.py MODEL.onnx PICTURE VECTOR.json

The model must pass the full check, and onnxruntime must give the vector in the JSON line that `lookalike embed` wrote for the
picture, which has the size that the model takes.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image

path, picture, expected = sys.argv[1:]
model = onnx.load(path)
onnx.checker.check_model(model, full_check=True)
transposes = sum(node.op_type == "Transpose" for node in model.graph.node)
assert transposes <= 2, f"{transposes} transpositions"

pixels = np.asarray(Image.open(picture).convert("RGB"))[None]
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
entry = session.get_inputs()[0]
if entry.type == "tensor(float)":
    properties = {entry.key: entry.value for entry in model.metadata_props}
    mean, std = (np.array(properties[key].split(","), np.float32) for key in ("mean", "std"))
    pixels = (pixels.astype(np.float32) - mean) / std
assert list(pixels.shape) == entry.shape, (pixels.shape, entry.shape)
found = session.run(None, {entry.name: pixels})[0].ravel().astype(np.float64)
vector = np.array(json.load(open(expected))["embeddings"][0]["values"])
cosine = found @ vector / np.linalg.norm(found) / np.linalg.norm(vector)
print(f"{path}: checked, {transposes} transpositions, cosine {cosine:.9f}")
assert found.size == vector.size and cosine >= 0.9999999, cosine
