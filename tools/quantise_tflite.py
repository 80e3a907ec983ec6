"""A TFLite network in floats as one in int8, by LiteRT's own quantiser: for the test that imports what others have quantised.

quantise_tflite.py MODEL INPUTS QUANTISED     INPUTS holds the bytes of one 8-bit picture after the other, by which ranges
                                              are chosen; input and outputs of QUANTISED are int8

Weights of 16 bits are widened first, and a signature is added, which the quantiser wants. Python with
tools/requirements.txt.
"""
import argparse
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe

KEY, INPUT = "serving_default", "input"


def widened(net):
    """Replaces each DEQUANTIZE of a constant by the constant in 32 bits."""
    graph, kept = net.subgraphs[0], []
    for code in net.operatorCodes:
        # Old files have it in the place of 8 bits only, where the quantiser does not look.
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    for op in graph.operators:
        source = graph.tensors[op.inputs[0]]
        halves = net.buffers[source.buffer].data
        code = net.operatorCodes[op.opcodeIndex].builtinCode
        if code != schema.BuiltinOperator.DEQUANTIZE or halves is None:
            kept.append(op)
            continue
        values = np.asarray(halves, np.uint8).view(np.float16).astype(np.float32)
        buffer = schema.BufferT()
        buffer.data = values.view(np.uint8)
        net.buffers.append(buffer)
        graph.tensors[op.outputs[0]].buffer = len(net.buffers) - 1
    graph.operators = kept


def signed(net):
    graph = net.subgraphs[0]

    def entry(name, tensor):
        place = schema.TensorMapT()
        place.name, place.tensorIndex = name, int(tensor)
        return place

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = KEY, 0
    signature.inputs = [entry(INPUT, graph.inputs[0])]
    signature.outputs = [entry(f"output_{n}", tensor) for n, tensor in enumerate(graph.outputs)]
    net.signatureDefs = [signature]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "inputs", "quantised"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    net = schema.ModelT.InitFromPackedBuf(args.model.read_bytes(), 0)
    widened(net)
    signed(net)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(net.Pack(builder), b"TFL3")
    shape = net.subgraphs[0].tensors[net.subgraphs[0].inputs[0]].shape
    pictures = np.frombuffer(args.inputs.read_bytes(), np.uint8).reshape(-1, *shape).astype(np.float32) / 255
    tool = quantizer.Quantizer(bytearray(builder.Output()), recipe.static_wi8_ai8())
    ranges = tool.calibrate({KEY: [{INPUT: picture} for picture in pictures]})
    args.quantised.write_bytes(tool.quantize(ranges).quantized_model)


if __name__ == "__main__":
    main()
