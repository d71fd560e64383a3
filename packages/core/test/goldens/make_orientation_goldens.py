"""Writes orientation.json beside this script: small pictures turned by their EXIF, and Pillow's upright pixels.

pip install pillow
python make_orientation_goldens.py
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import PIL
from PIL import Image, ImageOps

ORIENTATION = 0x0112
FORMATS = {"JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}}


def picture(mode: str) -> Image.Image:
    """Five by three pixels, no two alike, so that each turn shows."""
    image = Image.new("RGB", (5, 3))
    image.putdata([(40 * x + 7, 80 * y + 11, 13 * (x + 5 * y)) for y in range(3) for x in range(5)])
    return image.convert(mode)


def case(name: str, mode: str, orientation: int) -> dict[str, object]:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    picture(mode).save(buffer, name, exif=exif.tobytes(), **FORMATS[name])
    stored = Image.open(io.BytesIO(buffer.getvalue()))
    upright = ImageOps.exif_transpose(stored).convert(mode)
    return {
        "format": name,
        "mode": mode,
        "orientation": orientation,
        "file": base64.b64encode(buffer.getvalue()).decode(),
        "width": upright.width,
        "height": upright.height,
        "pixels": base64.b64encode(upright.tobytes()).decode(),
    }


if __name__ == "__main__":
    modes = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L"), "WEBP": ("RGB",)}
    cases = [case(name, mode, turn) for name, some in modes.items() for mode in some for turn in range(1, 9)]
    document = {"pillow": PIL.__version__, "cases": cases}
    Path(__file__).with_name("orientation.json").write_text(json.dumps(document, indent=1) + "\n")
