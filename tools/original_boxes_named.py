"""Boxes of the further detectors by their original implementations, or by the published decoding on the original runtime.

original_boxes_named.py MODELS_DIR SHARED_MODELS_DIR OUT_DIR PICTURE...   (THRESHOLD below)

Each picture is brought to the size that the detector takes, so that neither padding nor stretching plays a part, and
written to OUT_DIR as PNG; a JSON line a picture and detector goes to standard output: left, top, right, bottom, score,
and the landmarks if there are any.

yunet-s           OpenCV's FaceDetectorYN
ultraface         onnxruntime; vision/utils/box_utils_numpy.py of its repository
retinaface        onnxruntime; layers/functions/prior_box.py and utils/box_utils.py of its repository
blazeface-short   LiteRT on the original .tflite; MediaPipe's ssd_anchors_calculator, tensors_to_detections_calculator
blazeface-full    and non_max_suppression_calculator (weighted)
blazeface-back    onnxruntime; the same
scrfd             onnxruntime; detection/scrfd/tools/scrfd.py of InsightFace
"""
import json
import sys
from itertools import product
from math import ceil
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

THRESHOLD = 0.3


def iou(box, boxes):
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:4], boxes[:, 2:4])
    both = np.prod(np.clip(high - low, 0, None), axis=1)
    area = lambda b: (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return both / (area(box) + area(boxes) - both)


def suppress(rows, threshold):
    """Rows of box, score, landmarks, best first, each that overlaps no better one."""
    rows, kept = rows[np.argsort(-rows[:, 4], kind="stable")], []
    while len(rows):
        kept.append(rows[0])
        rows = rows[1:][iou(rows[0], rows[1:]) <= threshold]
    return np.array(kept)


def blend(rows, threshold):
    """MediaPipe's weighted suppression: the mean of all that overlap the best, with the best one's score."""
    rows, kept = rows[np.argsort(-rows[:, 4], kind="stable")], []
    while len(rows):
        near = iou(rows[0], rows) > threshold
        mean = np.average(rows[near], axis=0, weights=rows[near, 4])
        mean[4] = rows[0, 4]
        kept.append(mean)
        rows = rows[~near]
    return np.array(kept)


class Onnx:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.names = [o.name for o in self.session.get_outputs()]

    def __call__(self, x):
        made = self.session.run(None, {self.session.get_inputs()[0].name: np.ascontiguousarray(x, np.float32)})
        return dict(zip(self.names, made))


class LiteRt:
    def __init__(self, path):
        self.interpreter = Interpreter(str(path))
        self.interpreter.allocate_tensors()

    def __call__(self, x):
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], x.astype(np.float32))
        self.interpreter.invoke()
        made = self.interpreter.get_output_details()
        return {o["name"]: self.interpreter.get_tensor(o["index"]) for o in made}


class YuNet:
    def __init__(self, path):
        self.detector = cv2.FaceDetectorYN.create(str(path), "", (320, 320), THRESHOLD, 0.3, 5000)

    def prepare(self, image):
        return cut(image)

    def __call__(self, image):
        self.detector.setInputSize(image.shape[1::-1])
        rows = self.detector.detect(image)[1]
        rows = np.zeros((0, 15)) if rows is None else rows
        return np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 14:], rows[:, 4:14]])


class UltraFace:
    def __init__(self, path):
        self.model = Onnx(path)

    def prepare(self, image):
        return framed(image, 320, 240)

    def __call__(self, image):
        made = self.model(((image[..., ::-1] - 127.0) / 128).transpose(2, 0, 1)[None])
        boxes, scores = made["boxes"][0] * [320, 240, 320, 240], made["scores"][0, :, 1:]
        rows = np.hstack([boxes, scores])
        return suppress(rows[scores[:, 0] > THRESHOLD], 0.3)


class RetinaFace:
    def __init__(self, path):
        self.model = Onnx(path)

    def prepare(self, image):
        return cut(image)

    def __call__(self, image):
        height, width = image.shape[:2]
        made = self.model((image.astype(np.float32) - (104, 117, 123)).transpose(2, 0, 1)[None])
        priors = []
        for step, sides in zip([8, 16, 32], [[10, 20], [32, 64], [128, 256]]):
            for i, j in product(range(ceil(height / step)), range(ceil(width / step))):
                priors += [((j + 0.5) * step / width, (i + 0.5) * step / height, s / width, s / height) for s in sides]
        priors, loc = np.array(priors), made["loc"][0]
        centres = priors[:, :2] + loc[:, :2] * 0.1 * priors[:, 2:]
        sides = priors[:, 2:] * np.exp(loc[:, 2:] * 0.2)
        points = priors[:, None, :2] + made["landms"][0].reshape(-1, 5, 2) * 0.1 * priors[:, None, 2:]
        scale = [width, height]
        scores = made["conf"][0, :, 1:]
        rows = np.hstack([(centres - sides / 2) * scale, (centres + sides / 2) * scale, scores,
                          (points * scale).reshape(-1, 10)])
        return suppress(rows[scores[:, 0] > THRESHOLD], 0.4)


class BlazeFace:
    def __init__(self, model, side, grids):
        self.model, self.side = model, side
        self.anchors = np.array([((x + 0.5) / n, (y + 0.5) / n) for n, each in grids
                                 for y, x in product(range(n), range(n)) for _ in range(each)])

    def prepare(self, image):
        return framed(image, self.side, self.side)

    def __call__(self, image):
        made = sorted(self.model(image[None, ..., ::-1] / np.float32(127.5) - 1).values(), key=lambda o: -o.shape[1])
        raw = np.concatenate([o[0] for o in made if o.shape[2] == 16]).astype(np.float64)
        logits = np.concatenate([o[0] for o in made if o.shape[2] == 1]).astype(np.float64)
        scores = 1 / (1 + np.exp(-np.clip(logits, -100, 100)))
        points = raw.reshape(-1, 8, 2)
        centres, sides = points[:, 0] / self.side + self.anchors, points[:, 1] / self.side
        keys = points[:, 2:] / self.side + self.anchors[:, None]
        rows = np.hstack([centres - sides / 2, centres + sides / 2, scores, keys.reshape(-1, 12)])
        rows = blend(rows[scores[:, 0] >= THRESHOLD], 0.3)
        if not len(rows):
            return rows
        rows[:, [*range(4), *range(5, 17)]] *= self.side
        # Eyes, nose, and the middle of the mouth for both of its corners.
        return rows[:, [*range(5), *range(5, 13), 11, 12]]


class Scrfd:
    def __init__(self, path):
        self.model = Onnx(path)

    def prepare(self, image):
        return framed(image, 640, 640)

    def __call__(self, image):
        made = self.model(((image[..., ::-1] - 127.5) / 128).transpose(2, 0, 1)[None])
        rows = []
        for stride in (8, 16, 32):
            n = 640 // stride
            centres = np.stack(np.mgrid[:n, :n][::-1], axis=-1).reshape(-1, 2) * stride
            centres = np.repeat(centres, 2, axis=0)
            scores, boxes, points = (made[f"{name}_{stride}"][0] for name in ("score", "bbox", "kps"))
            boxes, points = boxes * stride, points.reshape(-1, 5, 2) * stride
            all_rows = np.hstack([centres - boxes[:, :2], centres + boxes[:, 2:], scores,
                                  (centres[:, None] + points).reshape(-1, 10)])
            rows.append(all_rows[scores[:, 0] >= THRESHOLD])
        return suppress(np.concatenate(rows), 0.4)


def cut(image):
    height, width = (side // 32 * 32 for side in image.shape[:2])
    return image[:height, :width].copy()


def framed(image, width, height):
    """Scaled to fit, at the top left of a black frame."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:size[1], :size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return frame


def main():
    models, shared, out, *pictures = sys.argv[1:]
    models, shared = Path(models), Path(shared)
    detectors = {
        "yunet-s": YuNet(models / "yunet/yunet_s_dynamic.onnx"),
        "ultraface": UltraFace(models / "ultraface/version-RFB-320.onnx"),
        "retinaface": RetinaFace(models / "retinaface/retinaface_mobilenet0.25.onnx"),
        "blazeface-short": BlazeFace(
            LiteRt(shared / "blazeface/face_detection_short_range.tflite"), 128, [(16, 2), (8, 6)]),
        "blazeface-full": BlazeFace(LiteRt(shared / "blazeface/face_detection_full_range.tflite"), 192, [(48, 1)]),
        "blazeface-back": BlazeFace(
            Onnx(models / "blazeface/face_detection_back_256x256_barracuda.onnx"), 256, [(16, 2), (8, 6)]),
        "scrfd": Scrfd(shared / "scrfd_evaluation_only/scrfd.onnx"),
    }
    for i, path in enumerate(pictures):
        for name, detector in detectors.items():
            image = detector.prepare(cv2.imread(path))
            if not image.size:
                continue
            file = f"{name}-{i:04}.png"
            cv2.imwrite(str(Path(out) / file), image)
            print(json.dumps({"detector": name, "file": file, "faces": np.asarray(detector(image)).tolist()}))


if __name__ == "__main__":
    main()
