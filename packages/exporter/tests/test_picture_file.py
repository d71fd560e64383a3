"""Picture files that TypeScript does not decode are refused, with a way to convert them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tensorferry import ExportError
from tensorferry.picture_file import check_picture

GRAY = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 3)
RGB = GRAY.convert("RGB")
OTHER = Image.new("RGB", (8, 8), (1, 2, 3))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def deep_png(color_type: int, channels: int) -> bytes:
    """8x8 of 16 bits a channel; Pillow writes only gray ones."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + bytes(range(16)) * channels for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (encoded(GRAY, "png"), ".png"),
        (encoded(RGB.convert("RGBA"), "png"), ".png"),
        (encoded(RGB.quantize(8), "png"), ".png"),
        (encoded(GRAY.convert("1"), "png"), ".png"),
        (encoded(GRAY.convert("LA"), "png"), ".png"),
        (encoded(RGB, "jpeg"), ".jpg"),
        (encoded(RGB, "jpeg", progressive=True), ".jpg"),
        (encoded(GRAY, "jpeg"), ".jpg"),
        (encoded(RGB, "webp"), ".webp"),
        (encoded(RGB, "webp", lossless=True), ".webp"),
    ],
)
def test_accepted(content: bytes, suffix: str) -> None:
    assert check_picture(content, "photo") == suffix
    assert check_picture(content, f"photo{suffix.upper()}") == suffix
    assert check_picture(content, "photo.txt") == suffix


def test_a_suffix_of_its_own_stays() -> None:
    assert check_picture(encoded(RGB, "jpeg"), "photo.jpeg") == ".jpeg"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (encoded(RGB, "gif"), "a GIF file"),
        (encoded(RGB, "bmp"), "a BMP file"),
        (encoded(RGB, "tiff"), "a TIFF file"),
        (encoded(RGB, "avif"), "a AVIF file"),
        (encoded(RGB.convert("CMYK"), "jpeg"), "a JPEG of 4 channels (CMYK)"),
        (encoded(RGB, "png", save_all=True, append_images=[OTHER]), "an animated PNG"),
        (encoded(RGB, "webp", save_all=True, append_images=[OTHER]), "an animated WebP"),
        (deep_png(2, 3), "a PNG of 16 bits a channel"),
        (deep_png(4, 2), "a PNG of 16 bits a channel"),
        (deep_png(0, 1), "a PNG of 16 bits a channel"),
    ],
)
def test_refused_with_a_line_that_converts_it(
    content: bytes, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExportError) as caught:
        check_picture(content, "photo.bin")
    assert caught.value.code == "EXAMPLES_INVALID"
    assert caught.value.message.startswith("photo.bin: expected a JPEG, PNG or WebP picture of one frame with 8 bits")
    assert f"got {says}" in caught.value.message
    monkeypatch.chdir(tmp_path)
    Path("photo.bin").write_bytes(content)
    exec(caught.value.message.split('python -c "')[1].removesuffix('"'), {})
    converted = Path("picture.png").read_bytes()
    assert check_picture(converted, "picture.png") == ".png"
    with Image.open("picture.png") as picture:
        assert np.asarray(picture).max() > 0


def test_sixteen_bits_of_gray_are_scaled_not_clipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    levels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(levels).save("deep.png")
    with pytest.raises(ExportError) as caught:
        check_picture(Path("deep.png").read_bytes(), "deep.png")
    exec(caught.value.message.split('python -c "')[1].removesuffix('"'), {})
    with Image.open("picture.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), levels >> 8)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "an empty file"),
        (b"label,score\ncat,0.5\n", "text that begins with 'label,score"),
        (bytes(range(20)), "20 bytes that begin with 00 01 02"),
        (encoded(RGB, "png")[:-12], "a PNG that is cut off"),
        (encoded(RGB, "jpeg")[:-2], "a JPEG that is cut off"),
        (encoded(RGB, "jpeg")[:30], "a JPEG that is cut off"),
        (encoded(RGB, "webp")[:-4], "a WebP that is cut off"),
        (encoded(RGB, "png").replace(b"IDAT", b"IDAT\0", 1), "a PNG that is cut off"),
        (encoded(RGB, "png")[:45] + b"\xff" * 4 + encoded(RGB, "png")[49:], "a damaged PNG file"),
    ],
)
def test_refused_without_a_way_to_convert_it(content: bytes, says: str) -> None:
    with pytest.raises(ExportError) as caught:
        check_picture(content, "data.png")
    assert f"got {says}" in caught.value.message
    assert "Convert it" not in caught.value.message
