"""Encoded files for decode_image: small JPEG, PNG and WebP of every kind that is read exactly, and one photograph."""

import io
from pathlib import Path

from pipeline_cases import decode_cases, rare_cases
from pipeline_pictures import picture


def icc_profile():
    """Return a small RGB display profile whose primaries are swapped, so that applying it cannot go unseen."""
    fixed = lambda value: round(value * 65536).to_bytes(4, "big", signed=True)  # noqa: E731
    xyz = lambda *values: b"XYZ " + bytes(4) + b"".join(map(fixed, values))  # noqa: E731
    gamma = b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(1.4 * 256).to_bytes(2, "big") + bytes(2)
    text = b"text" + bytes(4) + b"test\0" + bytes(3)
    description = b"desc" + bytes(4) + (5).to_bytes(4, "big") + b"test\0" + bytes(79)
    tags = {
        b"desc": description, b"cprt": text, b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.3851, 0.7169, 0.0971), b"gXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma,
    }  # fmt: skip
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        table += name + (offset + len(data)).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        data += body
    header = (offset + len(data)).to_bytes(4, "big") + bytes(4) + bytes([2, 0x40, 0, 0]) + b"mntrRGB XYZ "
    header += b"".join(part.to_bytes(2, "big") for part in (2026, 1, 1, 0, 0, 0)) + b"acsp" + bytes(28)
    header += b"".join(map(fixed, (0.9642, 1, 0.8249))) + bytes(48)
    return header + len(tags).to_bytes(4, "big") + table + data


def encode_file(kind, pixels_of, seed, height, width):
    from PIL import Image

    family, _, variant = kind.partition("-")
    mode = {"gray": "L", "gray-alpha": "LA", "rgba": "RGBA", "alpha": "RGBA"}.get(variant, "RGB")
    if variant in ("1bit", "2bit"):
        mode = "L"
    count = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    image = Image.frombytes(mode, (width, height), picture(pixels_of, seed, height, width, count).tobytes())
    options = {}
    if family == "jpeg":
        options = {"quality": 50 + seed % 50, "optimize": True}
        if variant != "gray":
            options["subsampling"] = {"444": "4:4:4", "422": "4:2:2"}.get(variant, "4:2:0")
        if variant == "progressive":
            options["progressive"] = True
        if variant == "restart":
            options["restart_marker_blocks"] = 1
        if variant == "exif":
            exif = Image.Exif()
            exif[0x0112] = seed % 8 + 1
            options["exif"] = exif
    elif family == "png":
        if variant.startswith("palette"):
            image = image.quantize(7 + seed % 60)
            if variant == "palette-alpha":
                options["transparency"] = bytes([0, 128, 255, 17])
        if variant == "1bit":
            image = image.convert("1")
        if variant == "2bit":
            image = image.quantize(4)
    elif family == "webp":
        options = {"quality": 60 + seed % 40, "lossless": variant == "lossless"}
        if variant == "alpha":
            options["exact"] = True
    if variant == "icc":
        options["icc_profile"] = icc_profile()
    buffer = io.BytesIO()
    image.save(buffer, family.upper(), **options)
    return buffer.getvalue()


def photo_files():
    """Chelsea the cat (scikit-image, CC0), shrunk: the picture of the photo tests."""
    import skimage
    from PIL import Image

    with Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png") as image:
        small = image.convert("RGB").resize((144, 96), Image.LANCZOS)
    files = {}
    for suffix, format_name, options in (("jpg", "JPEG", {"quality": 88}), ("png", "PNG", {}), ("webp", "WEBP", {})):
        buffer = io.BytesIO()
        small.save(buffer, format_name, **options)
        files[f"photo.{suffix}"] = buffer.getvalue()
    return files


def write_container(path, parts):
    """Write files, each after its length (uint32, little-endian)."""
    path.write_bytes(b"".join(len(part).to_bytes(4, "little") + part for part in parts))


def files_worker(folder):
    """Write decode.bin, decode_rare.bin and the photographs."""
    from pipeline_rare_files import rare_file

    folder = Path(folder)
    write_container(folder / "decode.bin", [encode_file(*row[:5]) for row in decode_cases()])
    write_container(folder / "decode_rare.bin", [rare_file(*row[:5]) for row in rare_cases()])
    for name, data in photo_files().items():
        (folder / name).write_bytes(data)


def read_container(path):
    """Yield the files of a container."""
    data, offset = path.read_bytes(), 0
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4], "little")
        yield data[offset + 4 : offset + 4 + length]
        offset += 4 + length
