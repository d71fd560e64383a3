"""The cases: for each step the rows of parameters, seeded."""

from pipeline_pictures import KINDS, counters

INTERPOLATIONS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


class Draw:
    """Seeded choices for the cases."""

    def __init__(self, seed):
        self.values = iter(counters(seed, 100_000).tolist())

    def integer(self, low, high):
        """Return low..high, both included."""
        return low + next(self.values) % (high - low + 1)

    def of(self, items):
        return items[next(self.values) % len(items)]

    def size(self):
        """Return height and width: tiny, odd, long or plain."""
        shape = self.integer(0, 9)
        if shape == 0:
            return [1, self.integer(1, 40)]
        if shape == 1:
            return [self.integer(1, 40), 1]
        if shape == 2:
            return [self.integer(60, 150), self.integer(3, 12)]
        if shape == 3:
            return [self.integer(3, 12), self.integer(60, 150)]
        return [self.integer(2, 64), self.integer(2, 64)]


def resize_cases():
    draw, rows = Draw(11), []
    for index in range(720):
        size = draw.size()
        target = [draw.integer(1, 70), draw.integer(1, 70)]
        if index % 9 == 0:
            target[draw.integer(0, 1)] = size[0] if draw.integer(0, 1) else size[1]
        if index % 12 == 1:
            # Over 100 times as high as wide: Pillow 9 to 12 swap the passes.
            size = [draw.integer(201, 420), draw.integer(1, 3)]
            target = [draw.integer(1, 70), draw.integer(1, 8)]
        mode = ["RGB", "L", "RGBA"][index % 3]
        interpolation = INTERPOLATIONS[(index // 3) % 6]
        rows.append([draw.of(KINDS[:3]) if index % 20 else "constant", index, *size, mode, *target, interpolation])
    return rows


def resize_rule_cases():
    draw = Draw(12)
    return [
        [draw.of(KINDS), index, *draw.size(), draw.of(["RGB", "L"]), draw.integer(1, 60), draw.of(INTERPOLATIONS)]
        for index in range(320)
    ]


def center_crop_cases():
    draw = Draw(13)
    rows = []
    for index in range(640):
        size = draw.size()
        crop = draw.integer(1, 70) if index % 4 == 0 else [draw.integer(1, 70), draw.integer(1, 70)]
        rounding = "torchvision" if index % 2 else "transformers"
        rows.append([draw.of(KINDS), index, *size, draw.of(["RGB", "L"]), crop, rounding])
    return rows


def convert_cases():
    draw = Draw(14)
    pairs = [["RGB", "L"], ["L", "RGB"], ["RGBA", "RGB"], ["RGBA", "L"], ["RGB", "RGB"]]
    return [[draw.of(KINDS), index, *draw.size(), *pairs[index % 5]] for index in range(400)]


def split_cases():
    draw = Draw(15)
    return [[draw.of(KINDS), index, *draw.size()] for index in range(320)]


def merge_cases():
    draw, rows = Draw(16), []
    for index in range(480):
        height, width = draw.integer(1, 24), draw.integer(1, 24)
        factor = draw.integer(1, 4)
        target = [height * factor, width * factor] if index % 4 else [draw.integer(1, 40), draw.integer(1, 40)]
        values = ["unit", "wide", "levels"][index % 3]
        quantize = "truncate" if index % 2 else "round"
        rows.append([draw.of(KINDS), index, height, width, values, *target, draw.of(INTERPOLATIONS), quantize])
    return rows


def tensor_cases():
    draw = Draw(17)
    return [[draw.of(KINDS), index, *draw.size(), draw.of(["RGB", "L"])] for index in range(320)]


PER_CHANNEL = [
    [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]],
    [[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]],
    [[0.1307, 0.1307, 0.1307], [0.3081, 0.3081, 0.3081]],
]


def normalize_cases():
    draw, rows = Draw(18), []
    for index in range(320):
        channels = draw.of([1, 3])
        mean, std = draw.of(PER_CHANNEL)
        if index % 2:
            mean = [draw.integer(-2000, 2000) / 1000 for _ in range(3)]
            std = [draw.integer(1, 3000) / 1000 for _ in range(3)]
        values = ["pixels", "unit", "wide"][index % 3]
        rows.append([values, index, *draw.size(), channels, mean[:channels], std[:channels]])
    return rows


def clamp_cases():
    draw, rows = Draw(19), []
    for index in range(320):
        low, high = (
            [0, 1] if index % 2 else sorted([draw.integer(-1500, 1500) / 1000, draw.integer(-1500, 1500) / 1000])
        )
        rows.append([draw.of(["unit", "wide", "special"]), index, draw.integer(1, 300), low, high])
    return rows


def to_image_cases():
    draw, rows = Draw(20), []
    for index in range(400):
        values = ["unit", "wide", "levels"][index % 3]
        rows.append([values, index, *draw.size(), draw.of([1, 3]), "truncate" if index % 2 else "round"])
    return rows


def softmax_cases():
    draw, rows = Draw(21), []
    for index in range(320):
        shape = [draw.integer(1, 4), draw.integer(1, 6), draw.integer(1, 4)][draw.integer(0, 2) :]
        axis = draw.integer(-len(shape), len(shape) - 1)
        if index % 4 == 0:
            shape, axis = [1, draw.integer(2, 60) if index % 80 else 1000], -1
        rows.append([draw.of(["unit", "wide", "logits"]), index, shape, axis])
    return rows


def top_k_cases():
    draw, rows = Draw(22), []
    for index in range(320):
        classes = draw.integer(1, 60)
        rows.append([draw.of(["logits", "ties", "ties", "special"]), index, classes, draw.integer(1, classes)])
    return rows


def to_uint8_cases():
    draw = Draw(25)
    return [
        [draw.of(KINDS), index, *draw.size(), draw.of(["RGB", "L"]), "hwc" if index % 2 else "chw"]
        for index in range(320)
    ]


FILE_KINDS = [
    "jpeg-gray", "jpeg-444", "jpeg-422", "jpeg-420", "jpeg-progressive", "jpeg-exif", "jpeg-icc", "jpeg-restart",
    "png-gray", "png-gray-alpha", "png-rgb", "png-rgba", "png-palette", "png-palette-alpha", "png-1bit", "png-2bit",
    "png-icc", "webp", "webp-lossless", "webp-alpha",
]  # fmt: skip


def decode_cases():
    draw, rows = Draw(23), []
    for index in range(320):
        size = [draw.integer(1, 36), draw.integer(1, 36)]
        rows.append([FILE_KINDS[index % 20], draw.of(KINDS[:3]), index, *size, draw.of(["RGB", "RGB", "L"])])
    return rows


RARE_KINDS = [
    "jpeg-progressive", "jpeg-rgb", "jpeg-best", "jpeg-worst", "jpeg-tall", "jpeg-tall-progressive", "jpeg-long",
    "jpeg-thumbnail", "jpeg-exif-icc-progressive", "webp-exif-icc", "webp-alpha-exif", "webp-lossless-exif-icc",
    "webp-lossless-alpha", "webp-lossless-alpha-icc", "webp-lossless-alpha-colors", "png-c0b1i", "png-c0b2", "png-c0b4",
    "png-c0b8it", "png-c2b8i", "png-c2b8t", "png-c3b1", "png-c3b2it", "png-c3b4i", "png-c3b8i", "png-c4b8i",
    "png-c6b8i", "png-short-palette", "png-gamma", "png-primaries", "png-srgb", "png-wide-gamut", "png-background",
    "png-pieces", "png-junk",
]  # fmt: skip


def rare_cases():
    draw, rows = Draw(24), []
    for index in range(4 * len(RARE_KINDS)):
        kind = RARE_KINDS[index % len(RARE_KINDS)]
        height, width = draw.integer(1, 48), draw.integer(1, 48)
        if kind.startswith(("jpeg-tall", "jpeg-long")):
            # Whole blocks, so that other sampling factors have as many.
            height, width = 32 * draw.integer(1, 2), 32 * draw.integer(1, 2)
        if index < len(RARE_KINDS) and kind in ("jpeg-best", "png-c2b8i", "webp-lossless-alpha", "webp-alpha-exif"):
            # Wider than the tiles that a canvas is read in.
            height, width = 3, 5000
        if index % 3 == 2 and "webp-lossless" in kind:
            height, width = draw.integer(60, 120), draw.integer(60, 120)
        pixels = "gradient" if width == 5000 else draw.of(KINDS[:3])
        rows.append([kind, pixels, index, height, width, draw.of(["RGB", "RGB", "L"])])
    return rows
