"""LitServe with ONNX Runtime on one thread, in its defaults."""

import os
import sys

import litserve
import numpy as np
import onnxruntime


class OnnxApi(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    def decode_request(self, request):
        return np.asarray(request["x"], dtype=np.float32)

    def predict(self, x):
        return self.session.run(None, {"x": x})[0]

    def encode_response(self, y):
        return {"y": y.tolist()}


if __name__ == "__main__":
    litserve.LitServer(OnnxApi(), accelerator="cpu").run(port=int(sys.argv[1]), generate_client_file=False)
