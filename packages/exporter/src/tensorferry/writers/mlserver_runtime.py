"""Runs an ONNX file in MLServer. Written by tensorferry beside model-settings.json."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """One session on the CPU; tensors by name."""

    async def load(self) -> bool:
        path = await get_model_uri(self._settings)
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {value.name: np.asarray(NumpyCodec.decode_input(value)) for value in payload.inputs}
        expected = [value.name for value in self._session.get_inputs()]
        if sorted(given) != sorted(expected):
            raise InferenceError(f"expected the inputs {', '.join(expected)}, got {', '.join(given)}")
        names = [value.name for value in self._session.get_outputs()]
        try:
            results = self._session.run(names, given)
        except Exception as error:
            raise InferenceError(str(error)) from error
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(name, value) for name, value in zip(names, results, strict=True)],
        )
