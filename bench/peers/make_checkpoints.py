"""Makes the checkpoints that the bench gives to every library, and each library's own form of them.

    .venv/bin/python make_checkpoints.py [--only distilbert-random|minilm-sst-2-dequantised] [--force]

No model hub is needed: `distilbert-random` has DistilBERT's shape (66 million parameters) and made-up weights;
`minilm-sst-2-dequantised` has the embedded model's INT8 weights multiplied out to fp32. For each, in `models/`:

    <name>/                 config, tokenizer, model.safetensors (fp32), onnx/model.onnx (fp32), onnx/model_quantized.onnx (q8)
    <name>-optimum/         Optimum: ORTQuantizer with AutoQuantizationConfig.avx512_vnni
    <name>-onnxruntime/     ONNX Runtime: its transformer optimiser, then quantize_dynamic
    <name>-infinity/        the q8 file beside the config, because infinity-emb finds no local file in a folder below
    <name>-openvino/        OpenVINO: NNCF, weights and activations, calibrated on 300 texts
    <name>-reference.json   torch's fp32 logits for the texts of the accuracy gate
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from safetensors.numpy import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
EMBEDDED = HERE.parent.parent / "models" / "minilm-sst-2-int8"
LABELS = {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}}
TEXTS = MODELS / "texts.json"
OPSET = 17

# As spread out as in trained encoders: with the 0.02 of an untrained one, every text would have nearly the same logits,
# and no arithmetic could be told from another.
WEIGHT_DEVIATION = 0.04
# What the margin between the two labels spreads over; half of the texts are made to fall on either side.
MARGIN_DEVIATION = 2.0


def texts():
    """`calibration` and `gate`, two lists of texts, written by the bench (node bench/texts.ts)."""
    if not TEXTS.exists():
        sys.exit(f"{TEXTS} is missing: run bench/peers/setup.sh, which writes it first")
    return json.loads(TEXTS.read_text())


def margins(model, tokenizer, batch):
    out = []
    with torch.inference_mode():
        for text in batch:
            inputs = tokenizer(text, truncation=True, max_length=512, return_tensors="pt")
            out.append(model(**inputs).logits[0].double())
    return torch.stack(out)


def random_distilbert(tokenizer):
    config = DistilBertConfig(vocab_size=len(tokenizer), num_labels=2, **LABELS)
    model = DistilBertForSequenceClassification(config).eval()
    generator = torch.Generator().manual_seed(66_000_000)
    for parameter in model.parameters():
        deviation = WEIGHT_DEVIATION if parameter.dim() > 1 else 0.01
        centre = 1.0 if parameter.dim() == 1 and parameter.data.mean() > 0.5 else 0.0  # layer norms' weights
        parameter.data = torch.randn(parameter.shape, generator=generator) * deviation + centre
    logits = margins(model, tokenizer, texts()["calibration"])
    # The classifier alone is moved, so that the two labels share the texts.
    scale = MARGIN_DEVIATION / (logits[:, 1] - logits[:, 0]).std()
    model.classifier.weight.data *= scale
    logits = margins(model, tokenizer, texts()["calibration"])
    model.classifier.bias.data[1] -= (logits[:, 1] - logits[:, 0]).median().float()
    return model


def dequantised_minilm(_tokenizer):
    stored = load_file(EMBEDDED / "model.safetensors")
    weights = {}
    for name, tensor in stored.items():
        if name.endswith(".weight_scale"):
            continue
        scale = stored.get(f"{name}_scale")
        floats = tensor.astype(np.float32) if scale is None else tensor.astype(np.float32) * scale
        weights[name] = torch.from_numpy(floats)
    config = BertConfig.from_pretrained(EMBEDDED)
    model = BertForSequenceClassification(config).eval()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    unknown = [name for name in missing if not name.endswith("position_ids")]
    if unknown or unexpected:
        sys.exit(f"the embedded model's tensors do not fit: missing {unknown}, unexpected {unexpected}")
    return model


def save_base(name, make):
    folder = MODELS / name
    folder.mkdir(parents=True)
    shutil.copy(EMBEDDED / "tokenizer.json", folder)
    tokenizer_config = json.loads((EMBEDDED / "tokenizer_config.json").read_text())
    if name.startswith("distilbert"):
        # The same pieces; but DistilBERT takes no type ids, and this class gives none.
        tokenizer_config["tokenizer_class"] = "DistilBertTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = make(tokenizer)
    model.save_pretrained(folder)
    return folder, model, tokenizer


def export_onnx(folder, model, tokenizer):
    """onnx/model.onnx, with batch and length left open."""
    (folder / "onnx").mkdir()
    example = dict(tokenizer(["a text", "and another, longer one"], padding=True, return_tensors="pt"))
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in example]
    if model.config.model_type == "distilbert":
        names = names[:2]
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    # Plain MatMul, Softmax and so on, which every library's optimiser knows; sdpa would be traced with its own masks.
    eager = type(model).from_pretrained(folder, attn_implementation="eager").eval()
    torch.onnx.export(
        eager, tuple(example[name] for name in names), folder / "onnx" / "model.onnx", input_names=names,
        output_names=["logits"], dynamic_axes={**axes, "logits": {0: "batch"}}, opset_version=OPSET, dynamo=False,
    )


def quantise_for_transformers_js(folder):
    """As transformers.js' own scripts/quantize.py does for q8: one scale a tensor, s8 weights, no reduced range."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        folder / "onnx" / "model.onnx", folder / "onnx" / "model_quantized.onnx", weight_type=QuantType.QInt8,
        per_channel=False, reduce_range=False, extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )


def quantise_for_onnxruntime(folder, config):
    """As ONNX Runtime's quantisation page asks for transformers: optimise first, so that attention is fused, then quantise."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    out = fresh(folder, "onnxruntime")
    # In the tool, "bert" stands for all encoders of the family.
    optimised = optimizer.optimize_model(
        str(folder / "onnx" / "model.onnx"), model_type="bert", num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
    )
    optimised.save_model_to_file(str(out / "optimised.onnx"))
    # The fused operators are ONNX Runtime's own, of which ONNX's shape inference does not know the type.
    quantize_dynamic(
        out / "optimised.onnx", out / "model.onnx", weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    (out / "optimised.onnx").unlink()
    print(f"{out.name}: fused {optimised.get_fused_operator_statistics()}")


def quantise_for_optimum(folder):
    """As Optimum's quantisation guide does, with the configuration for AVX512-VNNI."""
    from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    out = fresh(folder, "optimum")
    model = ORTModelForSequenceClassification.from_pretrained(folder, subfolder="onnx", file_name="model.onnx")
    quantizer = ORTQuantizer.from_pretrained(model)
    quantizer.quantize(save_dir=out, quantization_config=AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False))
    model.config.save_pretrained(out)


def place_for_infinity(folder):
    os.link(folder / "onnx" / "model_quantized.onnx", fresh(folder, "infinity") / "model_quantized.onnx")


def quantise_for_openvino(folder, tokenizer):
    """As OpenVINO's post-training quantisation page does for transformers: NNCF, 300 samples, weights and activations."""
    import nncf
    import openvino as ov

    out = fresh(folder, "openvino")
    model = ov.convert_model(folder / "onnx" / "model.onnx")
    names = [port.get_any_name() for port in model.inputs]

    def sample(text):
        encoded = tokenizer(text, truncation=True, max_length=512, return_tensors="np")
        return {name: encoded[name] for name in names}

    dataset = nncf.Dataset(texts()["calibration"], sample)
    quantised = nncf.quantize(model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=300)
    ov.save_model(quantised, out / "openvino_model.xml", compress_to_fp16=False)


def fresh(folder, library):
    out = folder.with_name(f"{folder.name}-{library}")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / file, out)
    return out


def source_of(name):
    """What a checkpoint was made of, so that one of an older embedded model is not taken for the present one."""
    return "made up" if name == "distilbert-random" else hashlib.sha256((EMBEDDED / "model.safetensors").read_bytes()).hexdigest()


def is_current(name):
    file = MODELS / f"{name}-reference.json"
    return file.exists() and json.loads(file.read_text()).get("source") == source_of(name)


def write_reference(folder, tokenizer):
    """torch's fp32 margins (POSITIVE less NEGATIVE) for the texts of the gate, from the folder as it was saved."""
    saved = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    gate = texts()["gate"]
    logits = margins(saved, tokenizer, gate)
    source = source_of(folder.name)
    reference = {"source": source, "torch": torch.__version__, "texts": gate, "margins": (logits[:, 1] - logits[:, 0]).tolist()}
    folder.with_name(f"{folder.name}-reference.json").write_text(json.dumps(reference))


def make(name, make_model):
    # infinity-emb keeps a file that it optimised itself, of whatever was there before.
    for old in [*MODELS.glob(f"{name}*"), *MODELS.glob(f"infinity-cache-{name}")]:
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    folder, model, tokenizer = save_base(name, make_model)
    print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} million parameters", flush=True)
    steps = [
        ("onnx", lambda: export_onnx(folder, model, tokenizer)),
        ("transformers.js q8", lambda: quantise_for_transformers_js(folder)),
        ("onnxruntime", lambda: quantise_for_onnxruntime(folder, model.config)),
        ("optimum", lambda: quantise_for_optimum(folder)),
        ("infinity", lambda: place_for_infinity(folder)),
        ("openvino", lambda: quantise_for_openvino(folder, tokenizer)),
        # Last: it marks the folder as complete.
        ("reference", lambda: write_reference(folder, tokenizer)),
    ]
    for step, run in steps:
        print(f"{name}: {step}", flush=True)
        run()


CHECKPOINTS = {"distilbert-random": random_distilbert, "minilm-sst-2-dequantised": dequantised_minilm}

parser = argparse.ArgumentParser()
parser.add_argument("--only", choices=list(CHECKPOINTS))
parser.add_argument("--force", action="store_true", help="make them anew even where they are")
arguments = parser.parse_args()
os.environ["HF_HUB_OFFLINE"] = "1"
for name, make_model in CHECKPOINTS.items():
    if arguments.only in (None, name) and (arguments.force or not is_current(name)):
        make(name, make_model)
