"""Flask with ONNX Runtime on one thread: JSON numbers in and out."""

import os

import numpy as np
import onnxruntime
from flask import Flask, jsonify, request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
app = Flask(__name__)


@app.post("/predict")
def predict():
    x = np.asarray(request.get_json()["x"], dtype=np.float32)
    return jsonify({"y": session.run(None, {"x": x})[0].tolist()})
