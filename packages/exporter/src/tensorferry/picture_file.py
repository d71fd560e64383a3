"""Refuses picture files that TypeScript does not decode to Pillow's pixels."""

from __future__ import annotations

import io
import struct

from PIL import Image

from .errors import ExportError

# Pillow's own limit, twice its MAX_IMAGE_PIXELS, which TypeScript keeps too
MOST_PIXELS = 178_956_970
SUFFIXES = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WebP": (".webp",)}
TO_PNG = "Image.open({name!r}).convert('RGB').save('picture.png')"
# Pillow keeps 16 bits of gray alone, and its convert() would clip them instead of scaling
GRAY_TO_EIGHT_BITS = "Image.open({name!r}).convert('I').point(lambda v: v / 256).convert('L').save('picture.png')"


def check_picture(content: bytes, name: str) -> str:
    """Checks a picture file.

    Parameters
    ----------
    name : of the file

    Returns
    -------
    the suffix that it should have: the name's own, unless the content is of another format

    Raises
    ------
    ExportError
        `EXAMPLES_INVALID` for other formats, more than 8 bits a channel, CMYK, animations, cut off and damaged files.
    """
    if content.startswith(b"\xff\xd8"):
        kind, found = "JPEG", _jpeg(content)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        kind, found = "PNG", _png(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind, found = "WebP", _webp(content)
    else:
        raise _refusal(name, *_other(content))
    if found:
        is_deep_gray = kind == "PNG" and content[24:26] == b"\x10\x00"
        raise _refusal(name, found, None if "cut off" in found else GRAY_TO_EIGHT_BITS if is_deep_gray else TO_PNG)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise _refusal(name, f"{width} x {height} pixels, more than {MOST_PIXELS}", None)
            if picture.mode == "CMYK":
                raise _refusal(name, "a CMYK JPEG", TO_PNG)
            picture.load()
    except ExportError:
        raise
    except Exception as error:
        raise _refusal(name, f"a damaged {kind} file ({error})", None) from error
    suffix = name[name.rfind(".") :].lower()
    return suffix if suffix in SUFFIXES[kind] else SUFFIXES[kind][0]


def _refusal(name: str, found: str, convert: str | None) -> ExportError:
    advice = f'. Convert it: python -c "from PIL import Image; {convert.format(name=name)}"' if convert else ""
    return ExportError(
        "EXAMPLES_INVALID",
        f"{name}: expected a JPEG, PNG or WebP picture of one frame with 8 bits a channel, gray or RGB with or without "
        f"alpha, got {found}{advice}",
    )


def _jpeg(content: bytes) -> str | None:
    """What is wrong with a JPEG, as far as its bytes tell; None when nothing is."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF or marker == 1 or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 10 <= len(content):
            if content[at + 4] != 8:
                return f"a JPEG of {content[at + 4]} bits a channel"
            if content[at + 9] not in (1, 3):
                return f"a JPEG of {content[at + 9]} channels (CMYK)"
        if marker == 0xDA:
            return None if content.find(b"\xff\xd9", end) > 0 else "a JPEG that is cut off"
        at = end
    return "a JPEG that is cut off or damaged"


def _png(content: bytes) -> str | None:
    if content[12:16] == b"IHDR" and content[24:25] == b"\x10":
        return "a PNG of 16 bits a channel"
    at, kinds = 8, set()
    while at + 12 <= len(content):
        kinds.add(content[at + 4 : at + 8])
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    if b"acTL" in kinds:
        return "an animated PNG"
    return None if b"IEND" in kinds and at <= len(content) else "a PNG that is cut off"


def _webp(content: bytes) -> str | None:
    if len(content) < 30 or 8 + struct.unpack_from("<I", content, 4)[0] > len(content):
        return "a WebP that is cut off"
    return "an animated WebP" if content[12:16] == b"VP8X" and content[20] & 2 else None


def _other(content: bytes) -> tuple[str, str | None]:
    """What the content is, and how to convert it where Pillow can."""
    if not content:
        return "an empty file", None
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return f"a {picture.format} file", TO_PNG
    except Exception:
        head = content[:64]
        if all(byte >= 32 or 9 <= byte <= 13 for byte in head):
            return f"text that begins with {head[:40].decode(errors='replace')!r}", None
        return f"{len(content)} bytes that begin with {head[:8].hex(' ')}", None
