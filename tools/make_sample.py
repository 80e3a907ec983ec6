"""Makes assets/sample.jpg: NASA's portrait of Eileen Collins (public domain), as a camera would have written it.

make_sample.py OUT.jpg      needs scikit-image 0.26.0 (which carries the picture) and pillow 13.0.0

The EXIF block is made up, so that a user sees it vanish: camera, serial number, time, a GPS position and a
thumbnail that still shows the face. Pillow does not write thumbnails, so the block is put together here.
"""
import hashlib
import io
import struct
import sys
from pathlib import Path

import skimage
from PIL import Image

SOURCE_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5
SIZES = {ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8}


def text(value):
    return ASCII, value.encode() + b"\0"


def short(value):
    return SHORT, struct.pack("<H", value)


def long(value):
    return LONG, struct.pack("<I", value)


def degrees(value):
    whole, rest = divmod(round(value * 3600), 3600)
    return RATIONAL, struct.pack("<6I", whole, 1, rest // 60, 1, rest % 60, 1)


def directory(fields, offset, following=0):
    """A TIFF directory that starts at `offset`, its longer values behind it (TIFF 6.0, section 2)."""
    entries, values = b"", b""
    values_at = offset + 2 + 12 * len(fields) + 4
    for tag, (kind, data) in sorted(fields.items()):
        entries += struct.pack("<HHI", tag, kind, len(data) // SIZES[kind])
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
    return struct.pack("<H", len(fields)) + entries + struct.pack("<I", following) + values


def exif(thumbnail):
    camera = {0x010F: text("Example"), 0x0110: text("Sample Camera 1"), 0x0112: short(1),
              0x8769: long(0), 0x8825: long(0)}
    shot = {0x9003: text("1999:07:23 00:31:00"), 0xA431: text("SN-000042")}
    # Johnson Space Center, Houston.
    place = {1: text("N"), 2: degrees(29.5593), 3: text("W"), 4: degrees(95.0900)}
    small = {0x0103: short(6), 0x0201: long(0), 0x0202: long(len(thumbnail))}
    camera_at = 8
    shot_at = camera_at + len(directory(camera, 0))
    place_at = shot_at + len(directory(shot, 0))
    small_at = place_at + len(directory(place, 0))
    thumbnail_at = small_at + len(directory(small, 0))
    camera |= {0x8769: long(shot_at), 0x8825: long(place_at)}
    small[0x0201] = long(thumbnail_at)
    return (b"Exif\0\0II*\0" + struct.pack("<I", camera_at) + directory(camera, camera_at, small_at)
            + directory(shot, shot_at) + directory(place, place_at) + directory(small, small_at) + thumbnail)


def main():
    (out,) = sys.argv[1:]
    source = Path(skimage.__file__).with_name("data") / "astronaut.png"
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        sys.exit(f"{source}: SHA-256 is {found}, must be {SOURCE_SHA256}")
    picture = Image.open(source).convert("RGB")
    thumbnail = io.BytesIO()
    picture.resize((160, 160), Image.Resampling.LANCZOS).save(thumbnail, "JPEG", quality=85)
    picture.save(out, "JPEG", quality=92, subsampling="4:2:0", exif=exif(thumbnail.getvalue()))


if __name__ == "__main__":
    main()
