"""Writes the pictures and figures that the likeness measures are tested with: crates/faceveil-eval/tests/similarity.

similarity_golden.py OUT

The pictures are made up. SSIM and PSNR are scikit-image's, the reference blur is OpenCV's with the thesis's kernel.
Python with numpy, opencv-python-headless and scikit-image 0.26.
"""
import json
import pathlib
import sys

import cv2
import numpy as np
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

BOXES = [(20, 30, 70, 100), (90, 10, 120, 45)]


def texture(rng, height, width):
    """Noise at every scale, as in photographs."""
    total = np.full((height, width, 3), 128.0)
    for cells in (4, 8, 16, 32, 64):
        small = rng.normal(0, 90 / np.sqrt(cells), (cells, cells, 3))
        total += cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.round(total), 0, 255).astype(np.uint8)


def ssim_map(a, b):
    return structural_similarity(a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                 data_range=255, full=True)


def figures(a, b):
    mean, _ = ssim_map(a, b)
    x, y = a / 255.0, b / 255.0
    return {"mse": float(mean_squared_error(x, y)), "mae": float(np.abs(x - y).mean()), "ssim": float(mean),
            "psnr": float(peak_signal_noise_ratio(a, b, data_range=255))}


def reference(image):
    done = image.copy()
    for left, top, right, bottom in BOXES:
        size = min(max(int(max(right - left, bottom - top) * 0.5) | 1, 25), 101)
        part = done[top:bottom, left:right].copy()
        done[top:bottom, left:right] = cv2.GaussianBlur(part, (size, size), 0)
    return done


def part(a, b, mask):
    _, similar = ssim_map(a, b)
    inner = np.zeros(mask.shape, bool)
    inner[5:-5, 5:-5] = True
    apart = np.abs(a / 255.0 - b / 255.0)[mask]
    mse = float((apart ** 2).mean())
    return {"mse": mse, "mae": float(apart.mean()), "ssim": float(similar.mean(axis=2)[mask & inner].mean()),
            "psnr": float(-10 * np.log10(max(mse, 1e-10)))}


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(8)
    pairs = {}
    for name, (height, width) in {"wide": (40, 72), "tall": (64, 33), "least": (11, 11)}.items():
        a = texture(rng, height, width)
        b = np.clip(a * 0.8 + rng.normal(20, 12, a.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(out / f"{name}-a.png"), a[..., ::-1])
        cv2.imwrite(str(out / f"{name}-b.png"), b[..., ::-1])
        pairs[name] = figures(a, b)
    original = texture(rng, 128, 128)
    output = original.copy()
    output[20:90, 15:80] = cv2.GaussianBlur(output[20:90, 15:80].copy(), (31, 31), 0)
    output = np.clip(output + rng.normal(0, 3, output.shape), 0, 255).astype(np.uint8)
    cv2.imwrite(str(out / "original.png"), original[..., ::-1])
    cv2.imwrite(str(out / "output.png"), output[..., ::-1])
    wanted = reference(original)
    inside = np.zeros((128, 128), bool)
    for left, top, right, bottom in BOXES:
        inside[top:bottom + 1, left:right + 1] = True
    parts = {"all": np.ones((128, 128), bool), "inside": inside, "outside": ~inside}
    likeness = {name: {"output": part(wanted, output, mask), "nothing": part(wanted, original, mask)}
                for name, mask in parts.items()}
    (out / "golden.json").write_text(json.dumps({"pairs": pairs, "boxes": BOXES, "likeness": likeness}, indent=1) + "\n")


if __name__ == "__main__":
    main()
