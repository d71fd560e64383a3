"""Write or check the goldens of the image pipeline with the real Pillow, torchvision, transformers and torch.

    python make_pipeline_goldens.py            # write pipeline/*.json and the encoded files
    python make_pipeline_goldens.py --check    # compute anew, exit 1 when a committed file differs

Pictures come from a counter-based generator that ``pictures.ts`` implements too, so a case is its
parameters and a digest: the first 16 hex digits of the sha256 of the result's bytes. Every case of
``legacy`` order must agree between Pillow 9.5, 10.4, 11.3 and 12.3 (but for very tall pictures, see
``legacy_resize``); every case that has no order in all five.

Needs torch and numpy in the running Python; the other packages are installed into ``.cache`` of the repository.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pipeline_cases as cases
from pipeline_files import files_worker
from pipeline_workers import CACHE, TORCHVISION, TRANSFORMERS, pillow_worker, torch_worker

FOLDER = Path(__file__).resolve().parent / "pipeline"
LEGACY = ["9.5.0", "10.4.0", "11.3.0", "12.3.0"]
NEWEST = "13.0.0"
PILLOWS = [*LEGACY, NEWEST]


def install(target, *arguments):
    if target.exists() and any(target.iterdir()):
        return
    print(f"installing {' '.join(arguments)}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, stdout=subprocess.DEVNULL)


def install_references():
    for version in PILLOWS:
        target = CACHE / "pillow" / version
        install(target, "install", "-q", "--no-deps", "--target", str(target), f"pillow=={version}")
    target = CACHE / "torchvision"
    install(target, "install", "-q", "--no-deps", "--target", str(target), f"torchvision=={TORCHVISION}")
    target = CACHE / "transformers"
    install(target, "download", "-q", "--no-deps", "-d", str(target), f"transformers=={TRANSFORMERS}")


def work(kind, pillow, argument=""):
    # torch's softmax differs in the last bit between vector widths: every x86 machine computes with the same one.
    fixed = {"ATEN_CPU_CAPABILITY": "avx2", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **fixed, "PYTHONPATH": str(CACHE / "pillow" / pillow)}
    command = [sys.executable, __file__, "--worker", kind, "--argument", str(argument)]
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output) if output else None


def agreed(step, results):
    """Return what all the references gave, or stop: a case on which they differ is no golden."""
    first = results[0][step]
    for other in results[1:]:
        if other[step] != first:
            sys.exit(f"{step}: {results[0]['versions']} and {other['versions']} differ")
    return first


def legacy_resize(results):
    """Return the digests of Pillow 9 to 12.1. 12.2 and 12.3 differ from them in one rule, which ``legacy`` leaves out:
    they shrink a picture over 100 times as high as wide vertically first."""
    *older, newer = results
    digests = agreed("resize", older)
    for row, digest, other in zip(cases.resize_cases(), digests, newer["resize"], strict=True):
        _, _, height, width, _, out_height, *_ = row
        if digest != other and not (height > 100 * width and out_height < height):
            sys.exit(f"resize: {older[0]['versions']} and {newer['versions']} differ in {row}")
    return digests


def document(reference, fields, cases, **more):
    """Return deterministic JSON, one case a line."""
    head = json.dumps({"reference": reference, "fields": fields, **more}, separators=(",", ":"))[:-1]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    return f'{head},"cases":[\n{lines}\n]}}\n'


def joined(rows, *columns):
    return [[*row, *values] for row, *values in zip(rows, *columns, strict=True)]


def make_documents(folder):
    legacy = [work("pillow", version, folder) for version in LEGACY]
    newest = work("pillow", NEWEST, folder)
    every = [*legacy, newest]
    torch = work("torch", NEWEST)
    pillow = f"Pillow {', '.join(PILLOWS)}"
    names = torch["versions"]
    size = ["kind", "seed", "height", "width"]
    return {
        "resize.json": document(
            f"{pillow}: legacy is all but the last",
            [*size, "mode", "out_height", "out_width", "interpolation", "legacy", "13"],
            joined(cases.resize_cases(), legacy_resize(legacy), newest["resize"]),
        ),
        "resize_rule.json": document(
            names, [*size, "mode", "size", "interpolation", "digest"],
            joined(cases.resize_rule_cases(), torch["resize_rule"]),
        ),
        "convert_image.json": document(
            pillow, [*size, "from", "to", "digest"], joined(cases.convert_cases(), agreed("convert_image", every)),
            all_colors=agreed("all_colors", every),
        ),
        "split_ycbcr.json": document(
            pillow, [*size, "digest"], joined(cases.split_cases(), agreed("split_ycbcr", every))
        ),
        "merge_ycbcr.json": document(
            f"{pillow}: legacy is all but the last",
            [*size, "values", "out_height", "out_width", "upscale", "quantize", "legacy", "13"],
            joined(cases.merge_cases(), agreed("merge_ycbcr", legacy), newest["merge_ycbcr"]),
        ),
        "decode_image.json": document(
            pillow, ["file", *size, "mode", "digest"],
            joined(cases.decode_cases(), agreed("decode_image", every)),
            photo=agreed("photo", every),
        ),
        "decode_rare.json": document(
            pillow, ["file", *size, "mode", "digest"], joined(cases.rare_cases(), agreed("decode_rare", every)),
        ),
        "center_crop.json": document(
            names, [*size, "mode", "size", "rounding", "digest"],
            joined(cases.center_crop_cases(), torch["center_crop"]),
        ),
        "to_tensor.json": document(names, [*size, "mode", "digest"], joined(cases.tensor_cases(), torch["to_tensor"])),
        "normalize.json": document(
            names, ["values", "seed", "height", "width", "channels", "mean", "std", "digest"],
            joined(cases.normalize_cases(), torch["normalize"]),
        ),
        "clamp.json": document(
            names, ["values", "seed", "count", "min", "max", "digest"], joined(cases.clamp_cases(), torch["clamp"])
        ),
        "to_image.json": document(
            "numpy, in float32", ["values", "seed", "height", "width", "channels", "quantize", "digest"],
            joined(cases.to_image_cases(), torch["to_image"]),
        ),
        "to_uint8.json": document(
            names, [*size, "mode", "layout", "digest"], joined(cases.to_uint8_cases(), torch["to_uint8"])
        ),
        "softmax.json": document(
            names, ["values", "seed", "shape", "axis", "float32_base64"],
            joined(cases.softmax_cases(), torch["softmax"]),
        ),
        "top_k.json": document(
            names, ["values", "seed", "classes", "k", "indices"], joined(cases.top_k_cases(), torch["top_k"])
        ),
    }  # fmt: skip


def check():
    """Compare the committed files with what the references give now; the encoded files stay."""
    failures = []
    for name, text in make_documents(FOLDER).items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            failures.append(name)
    if failures:
        sys.exit(f"these goldens differ from the references: {', '.join(failures)}")
    print(f"pipeline goldens: equal to Pillow {', '.join(PILLOWS)}, torch, torchvision {TORCHVISION}, transformers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--argument", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker == "pillow":
        print(json.dumps(pillow_worker(arguments.argument)))
    elif arguments.worker == "torch":
        print(json.dumps(torch_worker()))
    elif arguments.worker == "files":
        files_worker(arguments.argument)
    else:
        install_references()
        if arguments.check:
            check()
            return
        FOLDER.mkdir(exist_ok=True)
        work("files", NEWEST, FOLDER)
        for name, text in make_documents(FOLDER).items():
            (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
