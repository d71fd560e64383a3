"""Files that browsers and libraries take in different ways: rare kinds of JPEG, PNG and WebP, all read exactly."""

import io
import itertools
import struct
import zlib

import numpy as np
from pipeline_files import icc_profile
from pipeline_pictures import picture

# Width of a pixel in samples, by PNG's colour type.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column, first row, steps.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def rows_of(samples, bits):
    """Return PNG rows of samples, shape [height, width, samples], without filters."""
    rows = samples.reshape(samples.shape[0], -1)
    single = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = np.packbits(single.reshape(len(rows), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def write_png(color, bits, samples, interlaced=False, before=b"", pieces=1, junk=b""):
    height, width, _ = samples.shape
    if interlaced:
        passes = [samples[y::down, x::right] for x, y, right, down in PASSES]
        data = b"".join(rows_of(part, bits) for part in passes if part.size)
    else:
        data = rows_of(samples, bits)
    deflated = zlib.compress(data) + junk
    cuts = [len(deflated) * piece // pieces for piece in range(pieces + 1)]
    parts = [chunk(b"IDAT", deflated[start:end]) for start, end in itertools.pairwise(cuts)]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + b"".join(parts) + chunk(b"IEND", b"")


def levels(pixels_of, seed, height, width, color, bits):
    return picture(pixels_of, seed, height, width, SAMPLES[color]) >> (8 - bits)


def palette_of(seed, count):
    return chunk(b"PLTE", picture("noise", seed + 1, 1, count, 3).tobytes())


def png_file(variant, pixels_of, seed, height, width):
    """Return the PNG of a variant: c and b are colour type and bits, i interlaced, t a colour that is transparent."""
    if variant[0] == "c":
        color, bits = int(variant[1]), int(variant[3])
        samples = levels(pixels_of, seed, height, width, color, bits)
        before = palette_of(seed, 1 << bits) if color == 3 else b""
        if "t" in variant:
            values = [int(value) for value in samples[0, 0]]
            before += chunk(b"tRNS", bytes([0, 128]) if color == 3 else struct.pack(f">{len(values)}H", *values))
        return write_png(color, bits, samples, "i" in variant, before)
    if variant == "short-palette":
        return write_png(3, 4, levels(pixels_of, seed, height, width, 3, 4) % 9, before=palette_of(seed, 9))
    samples = levels(pixels_of, seed, height, width, 2, 8)
    before = {
        "gamma": chunk(b"gAMA", struct.pack(">I", 100000)),
        "primaries": chunk(b"gAMA", struct.pack(">I", 50000))
        + chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
        "srgb": chunk(b"sRGB", b"\0"),
        "wide-gamut": chunk(b"cICP", bytes([9, 16, 0, 1])),
        "background": chunk(b"bKGD", struct.pack(">3H", 9, 99, 200)),
    }.get(variant, b"")
    pieces, junk = {"pieces": (5, b""), "junk": (1, b"after the end")}.get(variant, (1, b""))
    return write_png(2, 8, samples, before=before, pieces=pieces, junk=junk)


def turn_sampling(jpeg, before, after):
    """Give luma other sampling factors of the same product: as many blocks, in other places."""
    at = next(jpeg.index(frame) for frame in (b"\xff\xc0", b"\xff\xc2") if frame in jpeg) + 11
    assert jpeg[at] == before
    return jpeg[:at] + bytes([after]) + jpeg[at + 1 :]


def pillow_file(family, variant, pixels_of, seed, height, width):
    from PIL import Image

    mode = "RGBA" if "alpha" in variant else "RGB"
    image = Image.frombytes(mode, (width, height), picture(pixels_of, seed, height, width, len(mode)).tobytes())
    options = {"quality": 40 + seed % 60}
    if "exif" in variant:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = seed % 7 + 2
    if "icc" in variant:
        options["icc_profile"] = icc_profile()
    if family == "webp":
        options |= {"lossless": "lossless" in variant, "method": seed % 7, "exact": seed % 2 == 0}
        if "colors" in variant:
            image = image.quantize(seed % 19 + 2).convert(mode)
            image.putpixel((0, 0), (1, 2, 3, 4))
    elif family == "jpeg":
        options |= {"subsampling": 0, "progressive": "progressive" in variant}
        if variant.startswith("tall"):
            options["subsampling"] = 1
        if variant.startswith("long"):
            options["subsampling"] = 2
        if "rgb" in variant:
            options["keep_rgb"] = True
        if "best" in variant:
            options["quality"] = 100
        if "worst" in variant:
            options |= {"quality": 1, "subsampling": 2}
    buffer = io.BytesIO()
    image.save(buffer, family.upper(), **options)
    data = buffer.getvalue()
    if variant.startswith("tall"):
        return turn_sampling(data, 0x21, 0x12)
    if variant.startswith("long"):
        return turn_sampling(data, 0x22, 0x41)
    if "thumbnail" in variant:
        # As cameras write a second picture behind the first.
        return data + data
    return data


def rare_file(kind, pixels_of, seed, height, width):
    family, _, variant = kind.partition("-")
    if family == "png":
        return png_file(variant, pixels_of, seed, height, width)
    return pillow_file(family, variant, pixels_of, seed, height, width)
