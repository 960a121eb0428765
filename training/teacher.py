"""Writes the BERT encoder inside an ONNX file (as the LangChain4j jars carry them) as a folder that train.py reads.

The exporter keeps the checkpoint's names for biases, norms and embeddings; the matrices are anonymous constants,
[in, out], which are found by the MatMul whose result the named bias is added to.
"""

import json
import os
import shutil
import sys

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file


def main(onnx_path, tokenizer_path, out):
    graph = onnx.load(onnx_path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    tensors = {}
    for node in graph.node:
        for bias in (name for name in node.input if node.op_type == "Add" and name.endswith(".bias") and name in constants):
            other = next(name for name in node.input if name != bias)
            product = made_by.get(other)
            if product is not None and product.op_type == "MatMul" and product.input[1] in constants:
                tensors[bias.removesuffix("bias") + "weight"] = torch.tensor(constants[product.input[1]]).T.contiguous()
    for name, value in constants.items():
        if name.endswith((".weight", ".bias")) and value.dtype == "float32":
            tensors.setdefault(name, torch.tensor(value).contiguous())
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    words, width = tensors["embeddings.word_embeddings.weight"].shape
    config = {
        "model_type": "bert", "architectures": ["BertModel"], "vocab_size": words, "hidden_size": width,
        "num_hidden_layers": layers, "num_attention_heads": 12,
        "intermediate_size": tensors["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "max_position_embeddings": tensors["embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": tensors["embeddings.token_type_embeddings.weight"].shape[0],
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
    }
    os.makedirs(out, exist_ok=True)
    save_file(tensors, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
    shutil.copy(tokenizer_path, os.path.join(out, "tokenizer.json"))
    print(f"{out}: {len(tensors)} tensors, {layers} layers, {width} wide")


if __name__ == "__main__":
    main(*sys.argv[1:])
