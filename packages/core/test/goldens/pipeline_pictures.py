"""Pictures and numbers from a counter-based generator that ``pictures.ts`` implements too."""

import hashlib

import numpy as np

KINDS = ["noise", "gradient", "edges", "constant"]
CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


def mix(values):
    """32-bit integer hash of each value (Murmur3's finalizer)."""
    x = np.asarray(values, dtype=np.uint64).astype(np.uint32)
    with np.errstate(over="ignore"):
        x = x ^ (x >> np.uint32(16))
        x = x * np.uint32(0x85EBCA6B)
        x = x ^ (x >> np.uint32(13))
        x = x * np.uint32(0xC2B2AE35)
        return x ^ (x >> np.uint32(16))


def key(seed):
    return int(mix(seed & 0xFFFFFFFF)) if seed else 0x9E3779B9


def counters(seed, count):
    """Hashes of count consecutive counters that start at a point of their own for each seed."""
    return mix((np.arange(count, dtype=np.uint64) + np.uint64(key(seed))) & np.uint64(0xFFFFFFFF))


def picture(kind, seed, height, width, channels):
    """Return uint8 pixels, shape [height, width, channels]."""
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    hashes = counters(seed, height * width * channels).reshape(height, width, channels)
    few = counters(seed + 1, 8).astype(np.int64)
    if kind == "noise":
        pixels = hashes & 255
    elif kind == "gradient":
        pixels = (x * (few[0] % 9 + 1) + y * (few[1] % 7 + 1) + channel * 85 + few[2] % 256) & 255
    elif kind == "edges":
        cells = ((y >> 2) * 8191 + (x >> 2)) * 4 + channel
        pixels = (mix((cells.astype(np.uint64) + np.uint64(key(seed))) & np.uint64(0xFFFFFFFF)) & 1) * 255
    else:
        pixels = few[channel] & 255
    pixels = pixels.astype(np.uint8)
    if channels == 4 and kind != "constant":
        # A quarter transparent, a quarter opaque, the rest between: the branches of un-premultiplying.
        alpha = hashes[:, :, 3]
        pixels[:, :, 3] = np.where(alpha & 2, np.where(alpha & 1, 255, 0), (alpha >> 8) & 255)
    return pixels


def floats(kind, seed, count):
    """Return float32 values: 'unit' 0..1, 'wide' -1..2, 'levels' on and around multiples of 1/510, 'special'."""
    hashes = counters(seed, count)
    unit = (hashes >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    if kind == "unit":
        return unit
    if kind == "wide":
        return unit * np.float32(3) - np.float32(1)
    if kind == "logits":
        return unit * np.float32(29.7) - np.float32(14.3)
    if kind == "ties":
        return (hashes % np.uint32(5)).astype(np.float32)
    if kind == "levels":
        return (hashes % np.uint32(511)).astype(np.float32) / np.float32(510)
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, 1e-45, 0.5], dtype=np.float32)
    return special[hashes % np.uint32(8)]


def digest(*parts):
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return sha.hexdigest()[:16]
