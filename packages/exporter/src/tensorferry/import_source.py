"""What a file or folder is that somebody wants to import: found by looking into it, never by its suffix alone."""

from __future__ import annotations

import contextlib
import io
import pickletools
import zipfile
from pathlib import Path
from typing import Literal

from .errors import ExportError

Kind = Literal["onnx", "torchscript", "weights", "hugging-face"]
# what a file begins with -> what it is, and what to do
BEGINNINGS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git-LFS pointer", "the model itself was not fetched: run git lfs pull"),
    (4, b"TFL3", "a TensorFlow Lite model", "TF"),
    (1, b"HDF", "a Keras file (HDF5)", "TF"),
    (4, b"ORTM", "an ORT-format model", "import the .onnx file that it was made from"),
    (0, b"GGUF", "a GGUF file", "bundles hold no such model; import the PyTorch weights it was made from"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (0, b"{", "JSON text", "give the model file, or the folder that holds it"),
)
TENSORFLOW = (
    "it is no PyTorch model: convert it with tf2onnx (python -m tf2onnx.convert --help) and import the .onnx, or "
    "export it as PyTorch"
)
WEIGHTS = "it holds weights and no model: name what builds the module, --factory pkg.module:NAME and --examples"
# an attribute's or tensor's own classes, which every file of weights mentions
PLAIN = (
    "torch._utils.",
    "torch._tensor.",
    "torch.storage.",
    "collections.",
    "numpy",
    "builtins.",
    "_codecs.",
    "__builtin__.set",
    "argparse.",
)
ONNX_PLACES = ("onnx", ".")


def find_kind(path: Path, has_factory: bool = False) -> Kind:
    """What can be imported of the path.

    Parameters
    ----------
    has_factory : weights alone are something then

    Raises
    ------
    ExportError
        `FORMAT_UNSUPPORTED` saying what it is instead, and what to do; `OPTIONS_INVALID` when there is nothing.
    """
    if not path.exists():
        raise ExportError("OPTIONS_INVALID", f"there is no file or folder {path}")
    kind = _folder(path) if path.is_dir() else _file(path)
    if kind == "weights" and not has_factory:
        raise _unsupported(path, "a state dict or a safetensors file", WEIGHTS)
    if kind != "weights" and has_factory:
        raise ExportError("OPTIONS_INVALID", f"--factory: {path} is a whole model ({kind}); a factory is for weights")
    return kind


def onnx_files(folder: Path) -> list[Path]:
    """The ONNX files of a Hugging Face folder, in the first place that has any."""
    for place in ONNX_PLACES:
        found = sorted((folder / place).glob("*.onnx"))
        if found:
            return found
    return []


def _unsupported(path: Path, found: str, advice: str) -> ExportError:
    # "TF" stands for the longer advice in the table
    text = TENSORFLOW if advice == "TF" else advice
    return ExportError("FORMAT_UNSUPPORTED", f"{path.name} is {found}; {text}", found=found)


def _folder(path: Path) -> Kind:
    if (path / "bundle.json").is_file():
        raise _unsupported(path, "a bundle already", "check it with npx tensorferry verify")
    if (path / "saved_model.pb").is_file():
        raise _unsupported(path, "a TensorFlow SavedModel", "TF")
    if (path / "Manifest.json").is_file() and (path / "Data").is_dir():
        raise _unsupported(path, "a Core ML package", "import the PyTorch or ONNX model that it was made from")
    models = onnx_files(path)
    if (path / "config.json").is_file():
        if models:
            return "hugging-face"
        raise _unsupported(
            path,
            "a Hugging Face folder without ONNX files (onnx/model.onnx)",
            "write them with Optimum (optimum-cli export onnx --model FOLDER OUT), or import its weights with "
            "--factory pkg.module:NAME, a function that builds the module",
        )
    if models:
        names = ", ".join(str(found.relative_to(path)) for found in models[:3])
        raise _unsupported(path, "a folder of ONNX files without a config.json", f"name one of them: {names}")
    raise _unsupported(path, "a folder with no model in it", "expected config.json and onnx/model.onnx")


def _file(path: Path) -> Kind:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise _unsupported(path, "an empty file", "download or export it again")
    for start, mark, found, advice in BEGINNINGS:
        if head[start:].startswith(mark):
            raise _unsupported(path, found, advice)
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        raise _unsupported(path, "an HTML page", "the address answered with a web page; download the file itself")
    if path.suffix == ".mlmodel":
        raise _unsupported(path, "a Core ML model", "import the PyTorch or ONNX model that it was made from")
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    # safetensors begin with the length of their JSON
    if len(head) > 8 and head[8:9] == b"{" and head[5:8] == b"\0\0\0":
        return "weights"
    if head[0] == 0x80 and 2 <= head[1] <= 5:
        return _require_plain(path, path.read_bytes())
    # field 1 of an ONNX model is its IR version, a small number
    if head[0] == 0x08 and 0 < head[1] < 128:
        return "onnx"
    if path.suffix == ".pb":
        raise _unsupported(path, "a frozen TensorFlow graph, or another protobuf file", "TF")
    raise _unsupported(
        path, f"a file of an unknown kind (it begins with {head[:8].hex(' ')})", "give an .onnx or a .pt"
    )


def _zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            inner = {name.split("/", 1)[-1]: name for name in names}
            if "constants.pkl" in inner:
                return "torchscript"
            pickled = archive.read(inner["data.pkl"]) if "data.pkl" in inner else None
    except zipfile.BadZipFile as error:
        raise _unsupported(path, f"a damaged zip archive ({error})", "download or export it again") from error
    if any(name.startswith("data/aotinductor/") for name in inner):
        raise _unsupported(
            path,
            "an AOTInductor package (.pt2), code for one machine",
            "export the module that it was compiled from with --formats aot-inductor, then python -m tensorferry aoti",
        )
    if any(name.startswith("models/") for name in inner):
        raise _unsupported(
            path,
            "a torch.export program (.pt2), whose inputs and sizes are fixed in it",
            "export the module that it was made from: python -m tensorferry export pkg.module:NAME",
        )
    if "model.weights.h5" in names:
        raise _unsupported(path, "a Keras file", "TF")
    if pickled is not None:
        return _require_plain(path, pickled)
    raise _unsupported(path, "a zip archive with no model in it", "unpack it first")


def _require_plain(path: Path, pickled: bytes) -> Kind:
    """Weights alone; a pickled module is refused without unpickling it."""
    classes = _classes(pickled)
    modules = [name for name in classes if name.startswith("torch.nn.modules.")]
    own = [name for name in classes if not name.startswith(("torch.", *PLAIN))]
    if modules:
        names = ", ".join([*own, *modules][:4])
        raise _unsupported(
            path,
            f"a pickled module ({names})",
            "unpickling runs whatever code the file holds, so it is never done here. Where you trust it, write its "
            "weights in Python:\n"
            f'  model = torch.load("{path.name}", weights_only=False)\n'
            '  torch.save(model.state_dict(), "weights.pt")\n'
            "then: python -m tensorferry import weights.pt --factory pkg.module:NAME --examples pkg.module:NAME",
        )
    return "weights"


def _classes(pickled: bytes) -> list[str]:
    """Every class and function that a pickle names, in order. Nothing is run."""
    found: dict[str, None] = {}
    strings: list[str] = []
    source = io.BytesIO(pickled)
    # an old torch.save writes a few pickles in a row, and raw tensors after them
    with contextlib.suppress(Exception):
        while source.tell() < len(pickled):
            for opcode, argument, _ in pickletools.genops(source):
                if opcode.name == "GLOBAL":
                    found[str(argument).replace(" ", ".")] = None
                elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
                    found[".".join(strings[-2:])] = None
                elif isinstance(argument, str):
                    strings.append(argument)
    return list(found)
