"""Writes MediaPipe's full-range BlazeFace (TensorFlow Lite, half floats) as ONNX with 32-bit floats.

blazeface_to_onnx.py face_detection_full_range.tflite OUT.onnx    (needs the packages tflite 2.18, onnx 1.23, numpy)

The input file is in the npm package @mediapipe/face_detection, version 0.4.1646425229. The same input gives the
same bytes. Only the operations of that file are known; another one is an error, never a guess. Names, input
layout (NHWC) and outputs stay as they are.
"""
import sys

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 13, 7
OPERATORS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if not name.startswith("_")}


class Converter:
    def __init__(self, data):
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants, self.tensors, self.nodes = {}, [], []

    def shape(self, index):
        tensor = self.graph.Tensors(index)
        return [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []

    def constant(self, index):
        """The values of a constant tensor, floats as 32 bits."""
        if index in self.constants:
            return self.constants[index]
        tensor = self.graph.Tensors(index)
        kind = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32,
                tflite.TensorType.INT32: np.int32}[tensor.Type()]
        values = self.model.Buffers(tensor.Buffer()).DataAsNumpy().view(kind).reshape(self.shape(index))
        return values.astype(np.float32) if kind == np.float16 else values

    def tensor(self, name, values):
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def options(self, operator, kind):
        options = kind()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def pads(self, options, size, kernel, strides):
        """TensorFlow's SAME: what is odd goes to the bottom and the right."""
        if options.Padding() == tflite.Padding.VALID:
            return [0] * 4
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, strides)]
        return [totals[0] // 2, totals[1] // 2, totals[0] - totals[0] // 2, totals[1] - totals[1] // 2]

    def conv(self, operator, depthwise):
        source, weights, bias = (int(i) for i in operator.InputsAsNumpy())
        options = self.options(operator, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
        assert (options.DilationHFactor(), options.DilationWFactor()) == (1, 1), "dilation"
        assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE, "fused activation"
        values = self.constant(weights)
        # OHWI -> OIHW, or for depthwise 1HWO -> O1HW
        values = values.transpose(3, 0, 1, 2) if depthwise else values.transpose(0, 3, 1, 2)
        strides = [options.StrideH(), options.StrideW()]
        kernel = list(values.shape[2:])
        output = int(operator.OutputsAsNumpy()[0])
        self.node("Conv", [f"v{source}", self.tensor(f"w{output}", values),
                           self.tensor(f"b{output}", self.constant(bias))], f"v{output}",
                  kernel_shape=kernel, strides=strides, group=values.shape[0] if depthwise else 1,
                  pads=self.pads(options, self.shape(source)[1:3], kernel, strides))

    def max_pool(self, operator):
        source, output = int(operator.InputsAsNumpy()[0]), int(operator.OutputsAsNumpy()[0])
        options = self.options(operator, tflite.Pool2DOptions)
        kernel = [options.FilterHeight(), options.FilterWidth()]
        strides = [options.StrideH(), options.StrideW()]
        self.node("MaxPool", [f"v{source}"], f"v{output}", kernel_shape=kernel, strides=strides,
                  pads=self.pads(options, self.shape(source)[1:3], kernel, strides))

    def pad(self, operator):
        source, amounts = (int(i) for i in operator.InputsAsNumpy())
        output = int(operator.OutputsAsNumpy()[0])
        amounts = self.constant(amounts)[[0, 3, 1, 2]]  # NHWC -> NCHW
        pads = self.tensor(f"p{output}", amounts.T.reshape(-1).astype(np.int64))
        self.node("Pad", [f"v{source}", pads], f"v{output}", mode="constant")

    def resize(self, operator):
        source, output = int(operator.InputsAsNumpy()[0]), int(operator.OutputsAsNumpy()[0])
        options = self.options(operator, tflite.ResizeBilinearOptions)
        assert not options.AlignCorners(), "align_corners"
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
        before, after = self.shape(source), self.shape(output)
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        self.node("Resize", [f"v{source}", "", self.tensor(f"s{output}", scales)], f"v{output}", mode="linear",
                  coordinate_transformation_mode=mode)

    def reshape(self, operator):
        source, output = int(operator.InputsAsNumpy()[0]), int(operator.OutputsAsNumpy()[0])
        name = self.graph.Tensors(output).Name().decode()
        self.node("Transpose", [f"v{source}"], f"t{output}", perm=[0, 2, 3, 1])
        shape = self.tensor(f"d{output}", np.array(self.shape(output), np.int64))
        self.node("Reshape", [f"t{output}", shape], name)

    def operator(self, operator):
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        name = OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs, output = [int(i) for i in operator.InputsAsNumpy()], int(operator.OutputsAsNumpy()[0])
        match name:
            case "DEQUANTIZE":
                self.constants[output] = self.constant(inputs[0])
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                self.conv(operator, name == "DEPTHWISE_CONV_2D")
            case "RELU":
                self.node("Relu", [f"v{inputs[0]}"], f"v{output}")
            case "ADD":
                options = self.options(operator, tflite.AddOptions)
                assert options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
                self.node("Add", [f"v{i}" for i in inputs], f"v{output}")
            case "MAX_POOL_2D":
                self.max_pool(operator)
            case "PAD":
                self.pad(operator)
            case "RESIZE_BILINEAR":
                self.resize(operator)
            case "RESHAPE":
                self.reshape(operator)
            case _:
                raise SystemExit(f"operation {name} is not known")

    def convert(self):
        source = int(self.graph.InputsAsNumpy()[0])
        name = self.graph.Tensors(source).Name().decode()
        self.node("Transpose", [name], f"v{source}", perm=[0, 3, 1, 2])
        for i in range(self.graph.OperatorsLength()):
            self.operator(self.graph.Operators(i))
        value = lambda i, n: helper.make_tensor_value_info(n, TensorProto.FLOAT, self.shape(i))
        outputs = [int(i) for i in self.graph.OutputsAsNumpy()]
        graph = helper.make_graph(
            self.nodes, "face_detection_full_range", [value(source, name)],
            [value(i, self.graph.Tensors(i).Name().decode()) for i in outputs], self.tensors)
        model = helper.make_model(graph, producer_name="blazeface_to_onnx.py", ir_version=IR_VERSION,
                                  opset_imports=[helper.make_opsetid("", OPSET)])
        onnx.checker.check_model(model, full_check=True)
        return model


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as file:
        model = Converter(file.read()).convert()
    with open(target, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
