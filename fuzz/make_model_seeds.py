"""Writes corpus-seed/model/: small networks with many operations, as exporters write them. Needs the package onnx.

They are committed; this only documents how they came about.  python make_model_seeds.py
"""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(1)


class Network:
    def __init__(self):
        self.nodes, self.tensors, self.count = [], [], 0

    def constant(self, values, kind=np.float32):
        self.count += 1
        name = f"w{self.count}"
        self.tensors.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def ints(self, *values):
        return self.constant(values, np.int64)

    def weights(self, *shape):
        return self.constant(RANDOM.uniform(-0.5, 0.5, shape))

    def op(self, kind, *inputs, name=None, outputs=1, **attributes):
        self.count += 1
        names = [name or f"v{self.count}"] if outputs == 1 else [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, kernel=3, stride=1, **attributes):
        group = attributes.get("group", 1)
        pad = kernel // 2 * attributes.get("dilations", [1])[0]
        return self.op("Conv", x, self.weights(outputs, inputs // group, kernel, kernel), self.weights(outputs),
                       kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, **attributes)

    def save(self, name, shape, outputs):
        value = lambda n, s: helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        graph = helper.make_graph(self.nodes, "g", [value("x", shape)], [value(o, None) for o in outputs], self.tensors)
        model = helper.make_model(graph, ir_version=7, opset_imports=[helper.make_opsetid("", 13)])
        (HERE / "corpus-seed/model" / name).write_bytes(model.SerializeToString(deterministic=True))


def yolo():
    """Like YOLOv8: [1, 5, N], the input of free size."""
    n = Network()
    x = n.conv("x", 3, 4, stride=2)
    x = n.op("Mul", x, n.op("Sigmoid", x))
    left, right = n.op("Split", x, n.ints(2, 2), outputs=2, axis=1)
    pooled = n.op("MaxPool", right, kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4)
    x = n.conv(n.op("Concat", left, right, pooled, axis=1), 6, 4, stride=2)
    up = n.op("Resize", x, "", n.constant([1, 1, 2, 2]), mode="nearest")
    x = n.conv(n.op("Concat", up, left, axis=1), 6, 5, stride=4)
    flat = n.op("Reshape", x, n.ints(1, 5, -1))
    box, score = n.op("Split", flat, n.ints(4, 1), outputs=2, axis=1)
    n.op("Concat", n.op("Exp", box), n.op("Sigmoid", score), name="y", axis=1)
    n.save("yolo.onnx", [1, 3, "h", "w"], ["y"])


def shapes():
    """Shapes computed from shapes, as PyTorch exports them."""
    n = Network()
    x = n.op("PRelu", n.conv("x", 3, 4, stride=2, dilations=[2, 2]), n.weights(4, 1, 1))
    small = n.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    sizes = n.op("Slice", n.op("Shape", x), n.ints(2), n.ints(4), n.ints(0))
    sizes = n.op("Concat", n.op("Slice", n.op("Shape", small), n.ints(0), n.ints(2), n.ints(0)),
                 n.op("Cast", sizes, to=TensorProto.INT64), axis=0)
    up = n.op("Resize", small, "", "", sizes, mode="linear")
    x = n.op("Pad", n.op("Add", up, x), n.ints(0, 0, 0, 0, 0, 1, 0, 0), mode="constant")
    rows = n.op("Gather", n.op("Shape", x), n.constant(2, np.int64))
    columns = n.op("Gather", n.op("Shape", x), n.constant(3, np.int64))
    cells = n.op("Unsqueeze", n.op("Mul", rows, columns), n.ints(0))
    shape = n.op("Concat", n.ints(1), cells, n.ints(5), axis=0)
    x = n.op("Transpose", x, perm=[0, 2, 3, 1])
    x = n.op("Reshape", x, shape)
    grid = n.op("Range", n.constant(0, np.int64), n.op("Squeeze", cells, n.ints(0)), n.constant(1, np.int64))
    grid = n.op("Unsqueeze", n.op("Cast", grid, to=TensorProto.FLOAT), n.ints(0, 2))
    grid = n.op("Mul", n.op("Expand", grid, shape), n.op("ConstantOfShape", shape, value=numpy_helper.from_array(
        np.array([0], np.float32))))
    tiled = n.op("Tile", n.op("ReduceMean", x, axes=[1], keepdims=1), n.op("Concat", n.ints(1), cells, n.ints(1), axis=0))
    n.op("Sigmoid", n.op("Sub", n.op("Add", x, grid), tiled), name="y")
    n.save("shapes.onnx", [1, 3, "h", "w"], ["y"])


def boxes():
    """Like UltraFace: [1, N, 2] and [1, N, 4] from a fixed input."""
    n = Network()
    x = n.conv("x", 3, 8, stride=8)
    x = n.op("BatchNormalization", x, n.weights(8), n.weights(8), n.weights(8), n.constant([1] * 8))
    x = n.op("LeakyRelu", n.conv(x, 8, 8, group=8), alpha=0.1)
    x = n.op("Clip", x, n.constant(-3), n.constant(3))
    gate = n.op("HardSigmoid", n.op("GlobalAveragePool", x))
    x = n.op("Mul", x, gate)
    x = n.op("ConvTranspose", x, n.weights(8, 6, 2, 2), kernel_shape=[2, 2], strides=[2, 2])
    x = n.op("Reshape", n.op("Transpose", x, perm=[0, 2, 3, 1]), n.ints(1, -1, 6))
    score = n.op("Slice", x, n.ints(0), n.ints(2), n.ints(2))
    n.op("Softmax", score, name="scores", axis=2)
    box = n.op("Slice", x, n.ints(2), n.ints(2**62), n.ints(2))
    box = n.op("MatMul", box, n.weights(4, 4))
    n.op("Div", box, n.constant(10), name="boxes")
    n.save("boxes.onnx", [1, 3, 32, 64], ["scores", "boxes"])


def main():
    (HERE / "corpus-seed/model").mkdir(exist_ok=True)
    yolo()
    shapes()
    boxes()


if __name__ == "__main__":
    main()
