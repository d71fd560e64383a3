"""A bundle's model in the layout of other servers and test runners."""

from .mlserver import write_mlserver
from .onnx_test_data import write_onnx_test_data
from .triton import write_triton
from .written import Written

__all__ = ["Written", "write_mlserver", "write_onnx_test_data", "write_triton"]
