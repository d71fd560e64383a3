"""Writes the labels of the comparison picture: text as pixels, so that no font is needed where the demo runs."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TEXTS = {
    "original": "original",
    "bicubic": "bicubic x3",
    "network": "network x3",
    "difference": "network - bicubic, x6",
}
BACKGROUND = (24, 24, 27)

for name, text in TEXTS.items():
    image = Image.new("RGB", (220, 26), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((2, 2), text, fill=(244, 244, 245), font=ImageFont.load_default(18))
    image.save(Path(__file__).parent / f"{name}.png", optimize=True)
