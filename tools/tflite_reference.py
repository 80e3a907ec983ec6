"""What LiteRT makes of a TFLite network's inputs, for tests that hold ours to the same bits, and how fast it is.

tflite_reference.py MODEL INPUTS OUTPUTS          the reference kernels; INPUTS holds the bytes of one input after the
                                                  other, OUTPUTS gets the bytes of all outputs of each, in their order
tflite_reference.py MODEL --time [--runs N]       fastest and median milliseconds of the thread a run, one thread, with XNNPACK (the default of
                                                  LiteRT) and with the built-in optimised kernels

Python with tools/requirements.txt.
"""
import argparse
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

WAYS = {"reference": OpResolverType.BUILTIN_REF, "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "xnnpack": OpResolverType.BUILTIN}


def network(path, way):
    net = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=WAYS[way])
    net.allocate_tensors()
    return net


def outputs(net, given):
    source = net.get_input_details()[0]
    for x in given.reshape(-1, *source["shape"][1:]):
        net.set_tensor(source["index"], x[None])
        net.invoke()
        for target in net.get_output_details():
            yield net.get_tensor(target["index"]).tobytes()


def fastest_and_median_ms(net, runs):
    source = net.get_input_details()[0]
    net.set_tensor(source["index"], np.random.default_rng(1).integers(-128, 128, source["shape"]).astype(np.int8))
    times = []
    for _ in range(runs):
        begun = time.thread_time()
        net.invoke()
        times.append(time.thread_time() - begun)
    return 1000 * min(times), 1000 * float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("inputs", type=Path, nargs="?")
    parser.add_argument("outputs", type=Path, nargs="?")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--runs", type=int, default=200)
    args = parser.parse_args()
    if args.time:
        for way in ("xnnpack", "builtin"):
            fastest, median = fastest_and_median_ms(network(args.model, way), args.runs)
            print(f"{way} {fastest:.4f} {median:.4f}")
        return
    given = np.frombuffer(args.inputs.read_bytes(), np.int8)
    args.outputs.write_bytes(b"".join(outputs(network(args.model, "reference"), given)))


if __name__ == "__main__":
    main()
