"""Times our detectors beside OpenCV and ONNX Runtime on the same networks, sizes and one thread.

bench_peers.py --ours target/release/examples/time_detectors [--runs 60] [--models models]

All contenders take turns, so that whatever else the machine does hits them alike; before each timed run a
contender runs once untimed, so that its weights are in the cache. What is timed: ours and OpenCV's
FaceDetectorYN from the 8-bit picture to the boxes, the others the bare network on floats that are ready.
Python with tools/requirements.txt.
"""
import argparse
import platform
import statistics
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime

SIZES = [(640, 480), (320, 256)]


class Ours:
    """One process answers all requests; it times itself."""

    def __init__(self, program):
        pipe = subprocess.PIPE
        self.child = subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True)

    def runner(self, network, size, isa):
        line = f"{network} {size[0]} {size[1]} {isa}\n"

        def run():
            self.child.stdin.write(line)
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
            if not answer:
                raise SystemExit(f"{self.child.args[0]} gave no answer to {line!r}")
            return float(answer)
        return run


def timed(call):
    def run():
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) * 1e3
    return run


def noise(size):
    return np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def planes(size):
    return np.ascontiguousarray(noise(size).transpose(2, 0, 1)[None].astype(np.float32))


def opencv_yunet(file, size):
    detector = cv2.FaceDetectorYN.create(str(file), "", size, 0.5, 0.3, 5000)
    image = noise(size)
    return timed(lambda: detector.detect(image))


def fixed(file, size):
    """The network for one size only: CenterFace's file declares 10 pictures of 32 x 32."""
    model = onnx.load(str(file))
    dims = next(i for i in model.graph.input if i.type.tensor_type.shape.dim).type.tensor_type.shape.dim
    for dim, value in zip(dims, (1, 3, size[1], size[0])):
        dim.dim_value = value
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model.SerializeToString()


def opencv_network(file, size):
    network = cv2.dnn.readNetFromONNX(str(file))
    blob, names = planes(size), network.getUnconnectedOutLayersNames()

    def call():
        network.setInput(blob)
        network.forward(names)
    return timed(call)


def onnx_runtime(file, size):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(fixed(file, size), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: planes(size)}
    return timed(lambda: session.run(None, feed))


def contenders(ours, models, size):
    yunet = models / "yunet/yunet_n_dynamic.onnx"
    centerface = models / "centerface/centerface.onnx"
    return {
        "YuNet_n": {
            "faceveil": ours.runner("yunet", size, "int8"),
            "faceveil, AVX2 only": ours.runner("yunet", size, "avx2-int8"),
            "faceveil, floats": ours.runner("yunet", size, "detected"),
            "faceveil, portable floats": ours.runner("yunet", size, "portable"),
            "OpenCV FaceDetectorYN": opencv_yunet(yunet, size),
            "ONNX Runtime": onnx_runtime(yunet, size),
        },
        "CenterFace": {
            "faceveil": ours.runner("centerface", size, "int8"),
            "faceveil, AVX2 only": ours.runner("centerface", size, "avx2-int8"),
            "faceveil, floats": ours.runner("centerface", size, "detected"),
            "faceveil, portable floats": ours.runner("centerface", size, "portable"),
            "OpenCV dnn": opencv_network(centerface, size),
            "ONNX Runtime": onnx_runtime(centerface, size),
        },
    }


def measure(runners, runs):
    times = {name: [] for name in runners}
    for _ in range(runs):
        for name, run in runners.items():
            run()
            times[name].append(run())
    return times


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True, help="the built example time_detectors")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--models", type=Path, default=Path(__file__).parent / "../models")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    ours = Ours(args.ours)
    print(f"{processor()}, one thread; OpenCV {cv2.__version__}, ONNX Runtime {onnxruntime.__version__}; "
          f"{args.runs} runs each, taking turns\n")
    print("| network | size | engine | fastest ms | median ms | times ours |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        for network, runners in contenders(ours, args.models, size).items():
            times = measure(runners, args.runs)
            own = times["faceveil"]
            for name, all_ms in times.items():
                ratio = statistics.median(t / o for t, o in zip(all_ms, own))
                print(f"| {network} | {size[0]}×{size[1]} | {name} | {min(all_ms):.2f} "
                      f"| {statistics.median(all_ms):.2f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
