"""Writes small int8 TFLite networks, one an operation, and what LiteRT's reference kernels make of random pictures.

tflite_goldens.py OUT

The files of OUT (`NAME.tflite`, and `NAME.bin`: the input's bytes, then the outputs' bytes) are what
`crates/faceveil-quant/tests/goldens.rs` holds the importer and the kernels to, bit by bit. Scales are chosen so that
roundings in one step and in two differ somewhere. Python with tools/requirements.txt; the seed is fixed, so the same
LiteRT writes the same files.
"""
import sys
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter, OpResolverType

NONE, RELU, RELU6 = 0, 1, 3
SAME, VALID = 0, 1
# The version of an operation from which on it knows int8 with a scale a channel, where that is not 2.
VERSIONS = {tfl.BuiltinOperator.CONV_2D: 3, tfl.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
            tfl.BuiltinOperator.TRANSPOSE_CONV: 3, tfl.BuiltinOperator.SPACE_TO_DEPTH: 1,
            tfl.BuiltinOperator.RESHAPE: 1}
TYPES = {np.int8: tfl.TensorType.INT8, np.int32: tfl.TensorType.INT32, np.float32: tfl.TensorType.FLOAT32}


class Net:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.model, self.graph = tfl.ModelT(), tfl.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [tfl.BufferT()], []
        self.graph.tensors, self.graph.operators, self.graph.inputs = [], [], []

    def tensor(self, shape, kind=np.int8, scale=None, zero=0, values=None, axis=0):
        t = tfl.TensorT()
        t.shape, t.type, t.name = list(shape), TYPES[kind], f"t{len(self.graph.tensors)}"
        if scale is not None:
            t.quantization = tfl.QuantizationParametersT()
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            t.quantization.scale, t.quantization.quantizedDimension = scales, axis
            t.quantization.zeroPoint = np.full(len(scales), zero, np.int64)
        if values is not None:
            buffer = tfl.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values, kind).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            t.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def op(self, code, inputs, outputs, kind=None, options=None):
        codes = [c.builtinCode for c in self.model.operatorCodes]
        if code not in codes:
            c = tfl.OperatorCodeT()
            c.builtinCode, c.deprecatedBuiltinCode, c.version = code, min(code, 127), VERSIONS.get(code, 2)
            self.model.operatorCodes.append(c)
            codes.append(code)
        o = tfl.OperatorT()
        o.opcodeIndex, o.inputs, o.outputs = codes.index(code), inputs, outputs
        if options is not None:
            o.builtinOptionsType, o.builtinOptions = kind, options
        self.graph.operators.append(o)
        return outputs[0]

    def about(self, i):
        t = self.graph.tensors[i]
        return list(t.shape), float(t.quantization.scale[0]), int(t.quantization.zeroPoint[0])

    def input(self, shape, scale, zero):
        self.graph.inputs = [self.tensor([1, *shape], scale=scale, zero=zero)]
        return self.graph.inputs[0]

    def weights(self, shape, channels, axis, into):
        scales = self.random.uniform(0.002, 0.02, channels).astype(np.float32)
        w = self.tensor(shape, scale=scales, axis=axis, values=self.random.integers(-127, 128, shape))
        bias = self.random.integers(-3000, 3000, channels)
        return w, self.tensor([channels], np.int32, scales * np.float32(into), values=bias)

    def conv(self, x, channels, kernel, stride=1, act=NONE, padding=SAME, scale=0.05, zero=-5):
        (_, h, w, c), into, _ = self.about(x)
        out = [n // stride if padding == SAME else (n - kernel) // stride + 1 for n in (h, w)]
        o = tfl.Conv2DOptionsT()
        o.padding, o.strideH, o.strideW, o.fusedActivationFunction = padding, stride, stride, act
        o.dilationHFactor = o.dilationWFactor = 1
        weight, bias = self.weights([channels, kernel, kernel, c], channels, 0, into)
        y = self.tensor([1, *out, channels], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.CONV_2D, [x, weight, bias], [y], tfl.BuiltinOptions.Conv2DOptions, o)

    def depthwise(self, x, kernel=3, stride=1, act=NONE, padding=SAME, scale=0.06, zero=3):
        (_, h, w, c), into, _ = self.about(x)
        out = [n // stride if padding == SAME else (n - kernel) // stride + 1 for n in (h, w)]
        o = tfl.DepthwiseConv2DOptionsT()
        o.padding, o.strideH, o.strideW, o.fusedActivationFunction = padding, stride, stride, act
        o.dilationHFactor = o.dilationWFactor = o.depthMultiplier = 1
        weight, bias = self.weights([1, kernel, kernel, c], c, 3, into)
        y = self.tensor([1, *out, c], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.DEPTHWISE_CONV_2D, [x, weight, bias], [y],
                       tfl.BuiltinOptions.DepthwiseConv2DOptions, o)

    def transpose_conv(self, x, channels, scale=0.07, zero=-9):
        (_, h, w, c), into, _ = self.about(x)
        shape = self.tensor([4], np.int32, values=[1, 2 * h, 2 * w, channels])
        o = tfl.TransposeConvOptionsT()
        o.padding, o.strideH, o.strideW = SAME, 2, 2
        weight, bias = self.weights([channels, 2, 2, c], channels, 0, into)
        y = self.tensor([1, 2 * h, 2 * w, channels], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.TRANSPOSE_CONV, [shape, weight, x, bias], [y],
                       tfl.BuiltinOptions.TransposeConvOptions, o)

    def add(self, a, b, act=NONE, scale=0.081, zero=4):
        o = tfl.AddOptionsT()
        o.fusedActivationFunction = act
        y = self.tensor(self.about(a)[0], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.ADD, [a, b], [y], tfl.BuiltinOptions.AddOptions, o)

    def max_pool(self, x):
        (_, h, w, c), scale, zero = self.about(x)
        o = tfl.Pool2DOptionsT()
        o.padding, o.strideH, o.strideW, o.filterHeight, o.filterWidth = SAME, 2, 2, 2, 2
        y = self.tensor([1, h // 2, w // 2, c], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.MAX_POOL_2D, [x], [y], tfl.BuiltinOptions.Pool2DOptions, o)

    def logistic(self, x):
        y = self.tensor(self.about(x)[0], scale=1 / 256, zero=-128)
        return self.op(tfl.BuiltinOperator.LOGISTIC, [x], [y])

    def rescale(self, x, scale, zero, code=tfl.BuiltinOperator.QUANTIZE):
        """QUANTIZE, RELU or RELU6 from one scale to another."""
        y = self.tensor(self.about(x)[0], scale=scale, zero=zero)
        return self.op(code, [x], [y])

    def concat(self, a, b, axis=3):
        shape, scale, zero = self.about(a)
        shape[axis] += self.about(b)[0][axis]
        o = tfl.ConcatenationOptionsT()
        o.axis = axis
        y = self.tensor(shape, scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.CONCATENATION, [a, b], [y], tfl.BuiltinOptions.ConcatenationOptions, o)

    def upsample(self, x):
        (_, h, w, c), scale, zero = self.about(x)
        size = self.tensor([2], np.int32, values=[2 * h, 2 * w])
        y = self.tensor([1, 2 * h, 2 * w, c], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.RESIZE_NEAREST_NEIGHBOR, [x, size], [y],
                       tfl.BuiltinOptions.ResizeNearestNeighborOptions, tfl.ResizeNearestNeighborOptionsT())

    def space_to_depth(self, x, block):
        (_, h, w, c), scale, zero = self.about(x)
        o = tfl.SpaceToDepthOptionsT()
        o.blockSize = block
        y = self.tensor([1, h // block, w // block, c * block * block], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.SPACE_TO_DEPTH, [x], [y], tfl.BuiltinOptions.SpaceToDepthOptions, o)

    def pad(self, x, pads):
        shape, scale, zero = self.about(x)
        p = self.tensor([4, 2], np.int32, values=pads)
        y = self.tensor([n + sum(q) for n, q in zip(shape, pads)], scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.PAD, [x, p], [y], tfl.BuiltinOptions.PadOptions, tfl.PadOptionsT())

    def reshape(self, x, shape):
        _, scale, zero = self.about(x)
        s = self.tensor([len(shape)], np.int32, values=shape)
        o = tfl.ReshapeOptionsT()
        o.newShape = shape
        y = self.tensor(shape, scale=scale, zero=zero)
        return self.op(tfl.BuiltinOperator.RESHAPE, [x, s], [y], tfl.BuiltinOptions.ReshapeOptions, o)

    def bytes(self, outputs):
        self.graph.outputs = outputs
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def cases():
    def case(name, shape, build, scale=0.031, zero=-11):
        net = Net(sum(name.encode()))
        out = build(net, net.input(shape, scale, zero))
        return name, net.bytes(list(out) if isinstance(out, tuple) else [out])

    yield case("conv1", [9, 7, 13], lambda n, x: n.conv(x, 11, 1))
    yield case("conv3", [8, 7, 5], lambda n, x: n.conv(x, 6, 3, act=RELU))
    yield case("conv3_stride2", [8, 10, 3], lambda n, x: n.conv(x, 7, 3, stride=2, act=RELU6, scale=0.02, zero=-128))
    yield case("conv5_stride2", [8, 10, 3], lambda n, x: n.conv(x, 5, 5, stride=2))
    yield case("depthwise", [7, 9, 17], lambda n, x: n.depthwise(x))
    yield case("depthwise_stride2", [8, 10, 9], lambda n, x: n.depthwise(x, stride=2, act=RELU6, scale=0.02, zero=-100))
    yield case("padded_stride2", [8, 10, 9], lambda n, x: n.depthwise(
        n.pad(x, [[0, 0], [1, 0], [1, 0], [0, 0]]), stride=2, padding=VALID))
    yield case("transpose_conv", [5, 6, 7], lambda n, x: n.transpose_conv(x, 8))
    yield case("add", [9, 9, 8], lambda n, x: n.add(n.conv(x, 8, 1, scale=0.049, zero=7), x, act=RELU))
    yield case("add_itself", [16, 16, 4], lambda n, x: n.add(x, x, scale=0.0619))
    yield case("add_upsampled", [6, 8, 10], lambda n, x: n.add(
        n.upsample(n.conv(n.max_pool(x), 10, 1, scale=0.043, zero=1)), x))
    yield case("logistic_fine", [16, 16, 1], lambda n, x: n.logistic(x), scale=0.047)
    yield case("logistic_coarse", [16, 16, 1], lambda n, x: n.logistic(x), scale=0.2576, zero=-65)
    yield case("rescaled", [16, 16, 1], lambda n, x: n.rescale(n.rescale(x, 0.0127, 31), 0.0719, -90))
    yield case("relu_alone", [16, 16, 1], lambda n, x: n.rescale(x, 0.0173, -128, tfl.BuiltinOperator.RELU))
    yield case("relu6_alone", [16, 16, 2], lambda n, x: n.rescale(
        n.conv(x, 3, 1, scale=0.077, zero=-3), 0.0371, -101, tfl.BuiltinOperator.RELU6))
    yield case("pool_concat", [8, 8, 6], lambda n, x: n.concat(n.upsample(n.max_pool(x)), x))
    yield case("unshuffle", [8, 12, 3], lambda n, x: n.conv(n.space_to_depth(x, 4), 9, 1, act=RELU6), 1 / 255, -128)
    yield case("channels_padded", [6, 6, 5], lambda n, x: n.add(
        n.pad(n.max_pool(x), [[0, 0], [0, 0], [0, 0], [0, 3]]), n.conv(x, 8, 3, stride=2), act=RELU))
    yield case("two_outputs", [6, 6, 5], lambda n, x: (
        n.concat(n.reshape(n.conv(x, 4, 1), [1, 72, 2]), n.reshape(n.conv(n.max_pool(x), 4, 1), [1, 18, 2]), axis=1),
        n.conv(x, 2, 1)))


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, model in cases():
        net = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        net.allocate_tensors()
        source = net.get_input_details()[0]
        x = np.random.default_rng(7).integers(-128, 128, source["shape"]).astype(np.int8)
        if x.size == 256:
            x = np.arange(-128, 128).astype(np.int8).reshape(x.shape)
        net.set_tensor(source["index"], x)
        net.invoke()
        outputs = [net.get_tensor(t["index"]).tobytes() for t in net.get_output_details()]
        (out / f"{name}.tflite").write_bytes(model)
        (out / f"{name}.bin").write_bytes(x.tobytes() + b"".join(outputs))
        print(f"{name:20} {len(model):6} bytes, {sum(map(len, outputs))} values")


if __name__ == "__main__":
    main()
