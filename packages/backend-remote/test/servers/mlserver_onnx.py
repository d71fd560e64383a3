"""A model of MLServer that runs an ONNX file."""

import asyncio

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.codecs.numpy import to_datatype
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput, ResponseOutput
from onnx_runner import OnnxRunner


def decode(tensor: RequestInput) -> np.ndarray:
    """An input as numpy has it."""
    if tensor.datatype == "BYTES":
        return np.array(StringCodec.decode_input(tensor), dtype=object).reshape(tensor.shape)
    return NumpyCodec.decode_input(tensor)


def encode(name: str, array: np.ndarray) -> ResponseOutput:
    """An output in MLServer's form; its NumpyCodec would give one axis a second one."""
    data = [text.encode() for text in array.flat] if array.dtype == object else array.flatten().tolist()
    return ResponseOutput(name=name, shape=list(array.shape), datatype=to_datatype(array.dtype), data=data)


class OnnxModel(MLModel):
    """The file that `parameters.uri` of model-settings.json names."""

    async def load(self) -> bool:
        """Opens the file."""
        self.runner = OnnxRunner(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Runs off the loop."""
        inputs = {tensor.name: decode(tensor) for tensor in payload.inputs}
        outputs = await asyncio.to_thread(self.runner.run, inputs)
        return InferenceResponse(
            model_name=self.name,
            model_version="1",
            outputs=[encode(name, array) for name, array in outputs.items()],
        )
