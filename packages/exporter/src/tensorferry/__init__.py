"""Exports PyTorch modules as bundles whose numbers have been shown to be PyTorch's."""

from ._version import __version__
from .errors import CODES, ExportError
from .export_bundle import export_bundle
from .import_bundle import import_bundle
from .report import ArtifactReport, ExportReport

__all__ = ["CODES", "ArtifactReport", "ExportError", "ExportReport", "__version__", "export_bundle", "import_bundle"]
