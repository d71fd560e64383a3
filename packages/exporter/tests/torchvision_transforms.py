"""What torchvision's own transforms give, beside the steps that the exporter reads out of them; run by the test.

    python torchvision_transforms.py FOLDER_OF_TORCHVISION

In a process of its own: torchvision's compiled part wants another build of torch, and its Python part does without once
`torch.library.register_fake` does nothing.
"""

import json
import sys

import numpy as np
import torch

torch.library.register_fake = lambda *_, **__: lambda function: function
sys.path.append(sys.argv[1])

from PIL import Image  # noqa: E402
from torchvision.transforms import InterpolationMode, transforms, v2  # noqa: E402
from torchvision.transforms._presets import ImageClassification  # noqa: E402

from tensorferry import ExportError  # noqa: E402
from tensorferry import reference_pipeline as reference  # noqa: E402
from tensorferry.pipeline import read_step  # noqa: E402
from tensorferry.torchvision_transform import read_transform  # noqa: E402

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
T = transforms
RIGHT = {
    "preset": ImageClassification(crop_size=24, resize_size=32),
    "preset bicubic": ImageClassification(crop_size=25, resize_size=25, interpolation=InterpolationMode.BICUBIC),
    "v1": T.Compose([T.Resize(33), T.CenterCrop(24), T.ToTensor(), T.Normalize(MEAN, STD)]),
    "v1 of a list": T.Compose([T.Resize([20, 31]), T.Compose([T.ToTensor()])]),
    "v1 crop of a tensor, smaller than it": T.Compose([T.ToTensor(), T.CenterCrop((70, 21))]),
    "v1 gray": T.Compose(
        [T.Grayscale(), T.Resize(28, InterpolationMode.LANCZOS), T.ToTensor(), T.Normalize([0.5], [0.5])]
    ),
    "v1 gray of three": T.Compose([T.Grayscale(3), T.PILToTensor(), T.ConvertImageDtype(torch.float32)]),
    "v1 pixels": T.Compose([T.Resize((9, 8), InterpolationMode.NEAREST), T.PILToTensor()]),
    "v2": v2.Compose(
        [
            v2.RGB(),
            v2.Resize(32),
            v2.ToImage(),
            v2.CenterCrop(24),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    ),
    "v2 pixels": v2.Compose([v2.Resize([12]), v2.PILToTensor(), v2.ToDtype(torch.uint8), v2.ToPureTensor()]),
    "sequential": torch.nn.Sequential(T.Resize(20), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)),
}
WRONG = {
    "random": T.Compose([T.RandomHorizontalFlip(), T.ToTensor()]),
    "resize of a tensor": T.Compose([T.ToTensor(), T.Resize(20)]),
    "longest edge": T.Compose([T.Resize(20, max_size=40), T.ToTensor()]),
    "lambda": T.Compose([T.Lambda(lambda picture: picture), T.ToTensor()]),
    "picture": T.Compose([T.Resize(20)]),
    "levels": v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32)]),
    "normalized pixels": v2.Compose([v2.PILToTensor(), v2.Normalize(MEAN, STD)]),
    "half": v2.Compose([v2.ToImage(), v2.ToDtype(torch.float16, scale=True)]),
    "jitter": T.ColorJitter(0.5),
}


def given(steps: list[dict], content: bytes) -> torch.Tensor:
    value: object = content
    for index, step in enumerate(steps):
        whole = read_step(step, reference.PREPROCESS, f"steps[{index}]")
        value = reference.apply_step(reference.PREPROCESS, whole, value, {})
    return value


def main() -> None:
    import io

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (47, 64, 3), dtype=np.uint8))
    file = io.BytesIO()
    picture.save(file, "PNG")
    found: dict[str, dict] = {"right": {}, "wrong": {}}
    for name, transform in RIGHT.items():
        notes: list[str] = []
        steps = read_transform(transform, notes=notes)
        expected = torch.as_tensor(transform(picture))
        got = given(steps, file.getvalue())
        alike = expected.shape == got.shape and expected.dtype == got.dtype
        off = float((expected.double() - got.double()).abs().max()) if alike else None
        found["right"][name] = {"off": off, "notes": notes, "ops": [step["op"] for step in steps]}
    for name, transform in WRONG.items():
        try:
            found["wrong"][name] = f"taken: {read_transform(transform)}"
        except ExportError as error:
            found["wrong"][name] = f"{error.code}: {error.message}"
    found["gray by the input"] = read_transform(T.ToTensor(), channels=1)[0]["mode"]
    print(json.dumps(found))


main()
