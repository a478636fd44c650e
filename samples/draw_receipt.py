"""Draws samples/receipt.jpg, a receipt of an invented shop: `python samples/draw_receipt.py`."""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, MARGIN, LEADING = 620, 40, 40
CENTERED = ["GREEN VALLEY MARKET", "214 Orchard Street, Portland OR 97205", "Tel 503-555-0142"]
LINES = [
    ("01/17/2026  14:32", "Register 03"),
    ("", ""),
    ("ORGANIC WHOLE MILK 1GL", "5.49"),
    ("SOURDOUGH BREAD", "4.25"),
    ("BANANAS", ""),
    ("  2.36 lb @ 0.59 /lb", "1.39"),
    ("LARGE EGGS 12CT", "3.99"),
    ("GREEK YOGURT", ""),
    ("  3 @ 1.25", "3.75"),
    ("BABY SPINACH 5OZ", "2.99"),
    ("CHEDDAR CHEESE 8OZ", "4.79"),
    ("PAPER TOWELS", "6.50"),
    ("", ""),
    ("SUBTOTAL", "33.15"),
    ("TAX 8.00%", "0.52"),
    ("TOTAL USD", "$33.67"),
    ("CASH", "$40.00"),
    ("CHANGE", "$6.33"),
]


def main() -> None:
    """Draw the receipt and write the file."""
    noise = random.Random(17)
    height = 2 * MARGIN + LEADING * (len(CENTERED) + len(LINES) + 3)
    paper = Image.new("L", (WIDTH, height), 250)
    draw = ImageDraw.Draw(paper)
    font, heading = ImageFont.load_default(26), ImageFont.load_default(34)
    y = MARGIN
    for number, text in enumerate(CENTERED):
        draw.text((WIDTH / 2, y), text, 30, heading if number == 0 else font, anchor="ma")
        y += LEADING + (12 if number == 0 else 0)
    y += LEADING
    for name, amount in LINES:
        draw.text((MARGIN, y), name, 30, font)
        draw.text((WIDTH - MARGIN, y), amount, 30, font, anchor="ra")
        y += LEADING
    draw.text(
        (WIDTH / 2, y + LEADING / 2), "Thank you for shopping with us!", 30, font, anchor="ma"
    )
    grain = Image.frombytes("L", paper.size, noise.randbytes(WIDTH * height))
    photo = Image.blend(paper, grain, 0.06).filter(ImageFilter.GaussianBlur(0.6))
    photo = photo.rotate(0.8, expand=True, fillcolor=110, resample=Image.Resampling.BICUBIC)
    photo.save(Path(__file__).with_name("receipt.jpg"), quality=80)


if __name__ == "__main__":
    main()
