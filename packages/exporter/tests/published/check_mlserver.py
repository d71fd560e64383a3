"""Runs a written folder, its one argument, in the real MLServer; needs `mlserver` and `onnxruntime`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from mlserver.settings import ModelSettings
from mlserver.types import InferenceRequest


async def answer(folder: Path, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    settings = ModelSettings.parse_file(str(folder / "model-settings.json"))
    model = settings.implementation(settings)
    await model.load()
    names = {np.dtype(np.float32): "FP32", np.dtype(np.int64): "INT64"}
    inputs: list[dict[str, Any]] = [
        {"name": name, "shape": list(value.shape), "datatype": names[value.dtype], "data": value.ravel().tolist()}
        for name, value in given.items()
    ]
    response = await model.predict(InferenceRequest(inputs=inputs))
    dtypes = {text: dtype for dtype, text in names.items()}
    kinds = {value.name: str(getattr(value.datatype, "value", value.datatype)) for value in response.outputs}
    return {
        value.name: np.array(list(value.data), dtypes[kinds[value.name]]).reshape(value.shape)
        for value in response.outputs
    }


def main() -> None:
    folder = Path(sys.argv[1])
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    draw = np.random.default_rng(0)
    given = {
        value.name: draw.normal(size=[dim if isinstance(dim, int) else 2 for dim in value.shape]).astype(np.float32)
        for value in session.get_inputs()
    }
    names = [value.name for value in session.get_outputs()]
    expected = dict(zip(names, session.run(names, given), strict=True))
    got = asyncio.run(answer(folder, given))
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)
    print(f"{', '.join(expected)}: as ONNX Runtime alone")


if __name__ == "__main__":
    main()
