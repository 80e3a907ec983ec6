"""Makes assets/smiley.png, an overlay for `--style image`: make_smiley.py OUT.png      needs pillow 13.0.0"""
import sys

from PIL import Image, ImageDraw

SIDE, FINER = 256, 4


def main():
    (out,) = sys.argv[1:]
    s = SIDE * FINER
    picture = Image.new("RGBA", (s, s))
    draw = ImageDraw.Draw(picture)

    def oval(x, y, rx, ry, fill):
        draw.ellipse([s * (x - rx), s * (y - ry), s * (x + rx), s * (y + ry)], fill=fill)

    oval(0.5, 0.5, 0.5, 0.5, "#f7c325")
    for x in (0.34, 0.66):
        oval(x, 0.38, 0.055, 0.095, "#4a2f12")
    draw.arc([s * 0.24, s * 0.28, s * 0.76, s * 0.8], 25, 155, fill="#4a2f12", width=s // 24)
    picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(out, optimize=True)


if __name__ == "__main__":
    main()
