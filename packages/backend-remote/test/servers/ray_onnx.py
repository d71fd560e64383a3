"""ONNX files behind Ray Serve: the Open Inference Protocol in FastAPI, as people write it."""

import json
import sys
from pathlib import Path

import numpy as np
import ray
from fastapi import FastAPI, HTTPException, Request, Response
from onnx_runner import OnnxRunner
from ray import serve

DTYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}

app = FastAPI()


def answer(content: object) -> Response:
    """JSON with Python's bare NaN and Infinity, which FastAPI's own refuses."""
    return Response(json.dumps(content), media_type="application/json")


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 0})
@serve.ingress(app)
class Models:
    """Every file below a folder; a replica is a process with all of them."""

    def __init__(self, root: str) -> None:
        self.models = {}
        for path in Path(root).glob("*/metadata.json"):
            metadata = json.loads(path.read_text())
            self.models[path.parent.name] = (metadata, OnnxRunner(metadata["file"]))

    def find(self, name: str) -> tuple[dict, OnnxRunner]:
        if name not in self.models:
            raise HTTPException(404, f"unknown model {name}")
        return self.models[name]

    @app.get("/v2/health/ready")
    def ready(self) -> Response:
        return Response()

    @app.get("/v2")
    def server(self) -> Response:
        return answer({"name": "ray-serve", "version": ray.__version__, "extensions": []})

    @app.get("/v2/models/{name}/ready")
    def model_ready(self, name: str) -> Response:
        self.find(name)
        return answer({"name": name, "ready": True})

    @app.get("/v2/models/{name}")
    def metadata(self, name: str) -> Response:
        metadata, _ = self.find(name)
        return answer({"name": name, "platform": "onnx", **metadata})

    @app.post("/v2/models/{name}/infer")
    async def infer(self, name: str, request: Request) -> Response:
        _, runner = self.find(name)
        body = json.loads(await request.body())
        inputs = {}
        for tensor in body["inputs"]:
            data = np.array(tensor["data"], dtype=DTYPES[tensor["datatype"]])
            inputs[tensor["name"]] = data.reshape(tensor["shape"])
        try:
            outputs = runner.run(inputs)
        except Exception as error:
            raise HTTPException(500, str(error)) from error
        described = [
            {
                "name": key,
                "datatype": NAMES[value.dtype],
                "shape": list(value.shape),
                "data": value.flatten().tolist(),
            }
            for key, value in outputs.items()
        ]
        return answer({"model_name": name, "outputs": described})


if __name__ == "__main__":
    root, port = sys.argv[1], int(sys.argv[2])
    here = str(Path(__file__).parent)
    ray.init(num_cpus=1, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": here}})
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Models.bind(root), blocking=True)
