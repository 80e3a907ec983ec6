"""Makes assets/before-after.jpg and assets/styles.jpg: the sample, and what the program makes of it.

before_after.py FACEVEIL OUT_DIR      FACEVEIL is the program; needs pillow 13.0.0

The seed only makes the pictures repeatable; leave it away for photos to be published.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ASSETS = Path(__file__).parents[1] / "assets"
SAMPLE = ASSETS / "sample.jpg"
GAP = 12
HEAD = (126, 10, 326, 240)
STYLES = [
    ("veil", []),
    ("pixelate", []),
    ("blur", []),
    ("solid", []),
    ("image", ["--overlay", ASSETS / "smiley.png"]),
]


def hidden(program, *flags):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "hidden.png"
        subprocess.run([program, "blur", SAMPLE, "-o", out, "--seed", "1", "--quiet", *flags], check=True)
        return Image.open(out).convert("RGB")


def side_by_side(pictures):
    width = sum(p.width for p in pictures) + GAP * (len(pictures) - 1)
    row = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    return row


def labelled(picture, name):
    both = Image.new("RGB", (picture.width, picture.height + 26), "white")
    both.paste(picture, (0, 0))
    at = (picture.width / 2, picture.height + 14)
    ImageDraw.Draw(both).text(at, name, fill="black", anchor="mm", font=ImageFont.load_default(18))
    return both


def main():
    program, out = sys.argv[1:]
    both = [Image.open(SAMPLE), hidden(program)]
    side_by_side(both).save(Path(out) / "before-after.jpg", "JPEG", quality=90)
    heads = [labelled(hidden(program, "--style", name, *more).crop(HEAD), name) for name, more in STYLES]
    side_by_side(heads).save(Path(out) / "styles.jpg", "JPEG", quality=90)


if __name__ == "__main__":
    main()
