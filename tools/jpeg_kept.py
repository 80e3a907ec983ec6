"""What a JPEG keeps: libjpeg's decoding of source and output, pixel by pixel, in twelve codings.

jpeg_kept.py FACEVEIL WORK_DIR PICTURE...   (needs Pillow, numpy, cjpeg and jpegtran)

Every picture is written in each coding, blurred in one run, and compared: outside the units that a region can touch
no pixel may change, but for two pixels next to one where the decoder smooths colours across its edge. Exits 1 if
another did, or if the coding, the mode or the sampling is not the source's.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def sampled(sampling, *more):
    def make(source, target):
        with tempfile.NamedTemporaryFile(suffix=".ppm") as pixels:
            Image.open(source).convert("RGB").save(pixels.name)
            run("cjpeg", "-quality", "88", "-sample", sampling, *more, "-outfile", str(target), pixels.name)
    return make


def rewritten(*options):
    return lambda source, target: run("jpegtran", *options, "-outfile", str(target), str(source))


CODINGS = {
    "as it is": shutil.copy,
    "optimised": rewritten("-optimize"),
    "progressive": rewritten("-progressive"),
    "restarts": rewritten("-restart", "3B"),
    "grey": rewritten("-grayscale"),
    "grey progressive": rewritten("-grayscale", "-progressive"),
    "4:4:4": sampled("1x1"),
    "4:2:2": sampled("2x1"),
    "4:4:0": sampled("1x2"),
    "4:1:1": sampled("4x1"),
    "4:1:0": sampled("4x2"),
    "4:2:2 progressive": sampled("2x1", "-progressive"),
}


def pixels(image):
    array = np.asarray(image).astype(int)
    return array if array.ndim == 3 else array[..., None]


def touched(line, size, unit):
    """The units that the regions' boxes can touch, with room for the soft edge."""
    mask = np.zeros((size[1], size[0]), bool)
    for left, top, right, bottom in line.get("regions", []):
        room = 2 + 0.06 * max(right - left, bottom - top)
        columns = slice(max(0, int((left - room) // unit[0] * unit[0])), max(0, int(-(-(right + room) // unit[0]) * unit[0])))
        rows = slice(max(0, int((top - room) // unit[1] * unit[1])), max(0, int(-(-(bottom + room) // unit[1]) * unit[1])))
        mask[rows, columns] = True
    return mask


def grown(mask, by):
    for _ in range(by):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        mask = wide.copy()
        mask[:, 1:] |= wide[:, :-1]
        mask[:, :-1] |= wide[:, 1:]
    return mask


def compare(line):
    """Changed pixels next to touched units, the largest change there, and changed pixels elsewhere."""
    before, after = Image.open(line["input"]), Image.open(line["output"])
    coding = lambda image: (image.size, image.mode, [c[1:3] for c in image.layer], bool(image.info.get("progressive")))
    if coding(before) != coding(after):
        sys.exit(f"{line['input']}: {coding(before)} became {coding(after)}")
    several = len(before.layer) > 1
    unit = [8 * max(c[i] for c in before.layer) if several else 8 for i in (1, 2)]
    change = np.abs(pixels(before) - pixels(after)).max(2)
    mask = touched(line, before.size, unit)
    beyond = np.where(mask, 0, change)
    far = np.where(grown(mask, 2), 0, beyond)
    return int((beyond > 0).sum() - (far > 0).sum()), int(beyond.max()), int((far > 0).sum())


def main():
    program, work, *pictures = sys.argv[1:]
    wrong = 0
    for coding, make in CODINGS.items():
        folder = Path(work) / coding.replace(":", "")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "in").mkdir(parents=True)
        for i, picture in enumerate(pictures):
            make(picture, folder / "in" / f"{i:04}.jpg")
        command = [program, "blur", folder / "in", "-o", folder / "out", "--json", "--level", "fast", "--jobs", "1"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        lines = [json.loads(line) for line in done.splitlines()]
        results = [compare(line) for line in lines]
        kept = sum(line.get("jpeg") == "kept" for line in lines)
        near, worst, far = sum(r[0] for r in results), max(r[1] for r in results), sum(r[2] for r in results)
        size = [sum(os.path.getsize(line[key]) for line in lines) for key in ("input", "output")]
        regions = sum(len(line.get("regions", [])) for line in lines)
        print(f"{coding}: {len(lines)} photos, {kept} kept, {regions} regions; pixels changed: {near} next to touched units"
              f" (by at most {worst}), {far} elsewhere; {size[1] / size[0]:.3f} of the size", flush=True)
        wrong += far + len(pictures) - kept
    sys.exit(1 if wrong else 0)


main()
