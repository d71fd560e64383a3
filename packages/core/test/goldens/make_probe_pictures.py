"""Write src/codecs/probe-pictures.ts: small pictures that tell whether a browser decodes exactly as Pillow does.

    python make_probe_pictures.py            # write
    python make_probe_pictures.py --check    # exit 1 when Pillow gives other pixels for a committed one

The files are written with one version of Pillow; ``--check`` decodes the committed ones, as encoders may change.
"""

import base64
import io
import re
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).resolve().parents[2] / "src" / "codecs" / "probe-pictures.ts"
SIZE = 16

HEAD = """// Written by test/goldens/make_probe_pictures.py.

/** A picture file and the CRC-32 of the RGB pixels that Pillow decodes it to. */
export interface ProbePicture {
  readonly base64: string
  readonly crc32: number
}

"""


def waves():
    """Colours that change fast and slowly: every rounding of a decoder shows."""
    y, x, channel = np.meshgrid(np.arange(SIZE), np.arange(SIZE), np.arange(3), indexing="ij")
    values = 128 + 70 * np.sin(x * (0.7 + 0.5 * channel) + y * 0.3) + 50 * np.cos(y * (1.9 - 0.6 * channel))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def encode(format_name, **options):
    buffer = io.BytesIO()
    waves().save(buffer, format_name, **options)
    return buffer.getvalue()


def turn_sampling(jpeg, before, after):
    """Give luma other sampling factors of the same product: as many blocks, in other places."""
    at = jpeg.index(b"\xff\xc0") + 11
    assert jpeg[at] == before
    return jpeg[:at] + bytes([after]) + jpeg[at + 1 :]


def pictures():
    half = encode("JPEG", quality=85, optimize=True, subsampling="4:2:2")
    return {
        "jpeg": ("colour at half the width and height", encode("JPEG", quality=85, optimize=True, subsampling="4:2:0")),
        "tallJpeg": ("colour at half the height alone", turn_sampling(half, 0x21, 0x12)),
        "webp": ("lossy", encode("WEBP", quality=80, method=6)),
    }


def sum_of(data):
    with Image.open(io.BytesIO(data)) as image:
        return zlib.crc32(image.convert("RGB").tobytes())


def check():
    found = re.findall(r"base64:\s*'([^']+)',\s*crc32: (\d+)", TARGET.read_text())
    sums = [sum_of(base64.b64decode(text)) == int(expected) for text, expected in found]
    if len(sums) != 3 or not all(sums):
        sys.exit(f"probe pictures: Pillow gives other pixels: {sums}")
    print("probe pictures: Pillow gives the pixels that are written there")


def main():
    if sys.argv[1:] == ["--check"]:
        check()
        return
    entries = "".join(
        f"  /** {doc} */\n  {name}: {{\n    base64:\n      '{base64.b64encode(data).decode()}',\n"
        f"    crc32: {sum_of(data)},\n  }},\n"
        for name, (doc, data) in pictures().items()
    )
    checked = "as const satisfies Record<string, ProbePicture>"
    text = f"/** By what they stand for. */\nexport const PROBES = {{\n{entries}}} {checked}\n"
    TARGET.write_text(HEAD + text)


if __name__ == "__main__":
    main()
