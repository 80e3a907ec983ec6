"""Writes what an image-to-image TFLite network makes of pictures, a folder a set, for `faceveil-lab evaluate --outputs`
and `faceveil-lab compare --contestant outputs:NAME=OUT`.

tflite_outputs.py --model NET.tflite --faces FACES --lists LISTS --out OUT [--sets fddb masks_voc ...] [--every N]
tflite_outputs.py --model NET.tflite --pictures PICTURES --out OUT [--network NAME]

FACES holds the sets, LISTS their lists of names (crates/faceveil-data/split); the report part is run. PICTURES is a folder
of sets as `faceveil-lab compare --pictures` writes it; outputs that are there already are kept, and OUT/about.json tells
what the network is and takes (NAME is one of `faceveil-lab nets`). Pictures are letterboxed in black into the network's
input, in the middle, as the thesis does; the outputs are PNG, lossless. Python with tools/requirements.txt.
"""
import argparse
import hashlib
import json
import time
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

ROOTS = {"fddb": "fddb/images", "masks_voc": "masks_voc/images", "wider_yolo": "wider_yolo/images",
         "negatives": "negatives"}


class Network:
    def __init__(self, path):
        self.net = Interpreter(model_path=str(path), num_threads=1)
        self.net.allocate_tensors()
        self.source, self.target = self.net.get_input_details()[0], self.net.get_output_details()[0]

    def __call__(self, image):
        _, height, width, _ = self.source["shape"]
        x = letterboxed(image, width, height)[None, ..., ::-1].astype(np.float32) / 255
        scale, zero = self.source["quantization"]
        if scale:
            limits = np.iinfo(self.source["dtype"])
            x = np.clip(np.round(x / scale + zero), limits.min, limits.max)
        self.net.set_tensor(self.source["index"], x.astype(self.source["dtype"]))
        self.net.invoke()
        y = self.net.get_tensor(self.target["index"])[0].astype(np.float32)
        scale, zero = self.target["quantization"]
        y = (y - zero) * scale if scale else y
        return np.clip(np.round(y * 255), 0, 255).astype(np.uint8)[..., ::-1]


def letterboxed(image, width, height):
    scale = min(width / image.shape[1], height / image.shape[0])
    w, h = round(image.shape[1] * scale), round(image.shape[0] * scale)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    boxed = np.zeros((height, width, 3), np.uint8)
    left, top = (width - w) // 2, (height - h) // 2
    boxed[top:top + h, left:left + w] = cv2.resize(image, (w, h), interpolation=way)
    return boxed


def every_picture(args, network):
    seconds = []
    for path in sorted(p for p in args.pictures.rglob("*") if p.is_file()):
        to = args.out / path.parent.name / f"{path.stem}.png"
        if to.is_file():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        image = cv2.imread(str(path))
        if image is None:
            raise SystemExit(f"{path} cannot be read")
        start = time.process_time()
        output = network(image)
        seconds.append(time.process_time() - start)
        if not cv2.imwrite(str(to), output):
            raise SystemExit(f"{to} cannot be written")
    if not seconds:
        return
    digest = hashlib.sha256(args.model.read_bytes()).hexdigest()
    about = {"what": f"the thesis's {args.model.stem}, in LiteRT", "way": "network", "network": args.network,
             "time_ms": round(1000 * float(np.median(seconds)), 2), "flash_bytes": args.model.stat().st_size,
             "models": [[args.model.name, digest]]}
    (args.out / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--faces", type=Path)
    parser.add_argument("--lists", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--network")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--sets", nargs="+", choices=sorted(ROOTS), default=sorted(ROOTS))
    parser.add_argument("--every", type=int, default=1, help="every n-th picture only")
    args = parser.parse_args()
    network = Network(args.model)
    if args.pictures:
        return every_picture(args, network)
    if not args.faces or not args.lists:
        parser.error("either --pictures or --faces and --lists")
    for name in args.sets:
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        for picture in (args.lists / f"{name}-report.txt").read_text().splitlines()[::args.every]:
            path = args.faces / ROOTS[name] / f"{picture}.jpg"
            image = cv2.imread(str(path))
            if image is None:
                raise SystemExit(f"{path} cannot be read")
            if not cv2.imwrite(str(folder / f"{picture.replace('/', '_')}.png"), network(image)):
                raise SystemExit(f"{folder} cannot be written to")


if __name__ == "__main__":
    main()
