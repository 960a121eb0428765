"""One library of PyPI as a subject of the bench: `peer.py <optimum|openvino|torch> <models folder>/<name> <workloads.json>`.

It serves POST / {"inputs": text} on a free port, and answers what bench/subjects/protocol.ts describes on its standard
input. What each library does is as its documentation recommends; bench/subjects/competitors.ts says where that stands.
"""

import asyncio
import json
import math
import socket
import sys
import threading
import time

import numpy as np
import uvicorn
from transformers import AutoTokenizer

MAX_TOKENS = 512
MARK = "@bench "


def tell(message):
    sys.stdout.write(MARK + json.dumps(message) + "\n")
    sys.stdout.flush()


def positive(logits):
    """[texts, 2] → the score of POSITIVE for each, by softmax in double precision"""
    logits = np.asarray(logits, dtype=np.float64)
    return [1 / (1 + math.exp(negative - other)) for negative, other in logits]


class Optimum:
    """ORTModelForSequenceClassification on the dynamically quantised file; its session takes all cores by default."""

    in_flight = 1

    def __init__(self, folder):
        import optimum.onnxruntime
        import optimum.version
        import onnxruntime

        model = optimum.onnxruntime.ORTModelForSequenceClassification
        self.model = model.from_pretrained(f"{folder}-optimum", file_name="model_quantized.onnx")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.versions = {"optimum": optimum.version.__version__, "onnxruntime": onnxruntime.__version__}

    def scores(self, texts):
        inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="np")
        return positive(self.model(**inputs).logits)


class Torch:
    """torchao's dynamic INT8 for x86 through torch.export and Inductor, with frozen weights."""

    in_flight = 1

    def __init__(self, folder):
        import torch
        import torchao
        from torch._inductor import config as inductor
        from torchao.quantization.pt2e import quantizer as quantizers  # noqa: F401  (registers the x86 patterns)
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86
        from transformers import AutoModelForSequenceClassification

        inductor.freezing = True
        self.torch = torch
        self.versions = {"torch": torch.__version__, "torchao": torchao.__version__}
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
        example = dict(self.tokenizer(["one text", "and a longer second one"], padding=True, return_tensors="pt"))
        batch, tokens = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("tokens", min=2, max=MAX_TOKENS)
        shapes = {name: {0: batch, 1: tokens} for name in example}
        with torch.no_grad():
            exported = torch.export.export(model, (), example, dynamic_shapes=shapes).module()
            quantizer = x86.X86InductorQuantizer()
            quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_dynamic=True))
            prepared = prepare_pt2e(exported, quantizer)
            prepared(**example)
            self.model = torch.compile(convert_pt2e(prepared), dynamic=True)

    def scores(self, texts):
        inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with self.torch.no_grad():
            return positive(self.model(**inputs).logits)


class OpenVino:
    """NNCF's INT8 model, compiled with the THROUGHPUT hint and run by asynchronous requests; LATENCY for one at a time."""

    def __init__(self, folder):
        import openvino as ov

        core = ov.Core()
        path = f"{folder}-openvino/openvino_model.xml"
        self.latency = core.compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        self.throughput = core.compile_model(path, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        self.in_flight = self.throughput.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self.names = [port.get_any_name() for port in self.latency.inputs]
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.versions = {"openvino": ov.__version__, "requests at once": self.in_flight}
        self.requests = threading.local()

    def encode(self, texts):
        inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="np")
        return {name: inputs[name] for name in self.names}

    def scores(self, texts):
        if not hasattr(self.requests, "latency"):
            self.requests.latency = self.latency.create_infer_request()
        return positive(self.requests.latency.infer(self.encode(texts))[0])

    def scores_beside_others(self, texts):
        """What one of several threads calls, each with a request of its own."""
        if not hasattr(self.requests, "throughput"):
            self.requests.throughput = self.throughput.create_infer_request()
        return positive(self.requests.throughput.infer(self.encode(texts))[0])


LIBRARIES = {"optimum": Optimum, "torch": Torch, "openvino": OpenVino}


def run_one(library, workload, start, seconds):
    texts, latencies = workload["texts"], []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds or not latencies:
        sent = time.perf_counter()
        library.scores([texts[(start + len(latencies)) % len(texts)]])
        latencies.append((time.perf_counter() - sent) * 1000)
    return {"units": len(latencies), "elapsedMs": (time.perf_counter() - began) * 1000, "latenciesMs": latencies}


def run_batches(library, workload, start, seconds):
    """Threads take the next batch each; where the library does one at a time there is one thread."""
    texts, batches = workload["texts"], workload["batches"]
    call = getattr(library, "scores_beside_others", library.scores)
    lock, taken = threading.Lock(), [0]
    began = time.perf_counter()

    def take():
        while True:
            with lock:
                if time.perf_counter() - began >= seconds and taken[0] > 0:
                    return
                batch = batches[(start + taken[0]) % len(batches)]
                taken[0] += 1
            call([texts[index] for index in batch])

    threads = [threading.Thread(target=take) for _ in range(library.in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"units": taken[0], "elapsedMs": (time.perf_counter() - began) * 1000}


def answer(library, workloads, task):
    if task["task"] == "scores":
        return {"scores": [library.scores([text])[0] for text in task["texts"]]}
    run = run_one if task["task"] == "one" else run_batches
    return run(library, workloads[task["workload"]], task["start"], task["seconds"])


def application(library):
    """A bare ASGI app: one text a request, each computed on a thread, as many at once as the library takes."""
    from concurrent.futures import ThreadPoolExecutor

    threads = ThreadPoolExecutor(library.in_flight)
    call = getattr(library, "scores_beside_others", library.scores)

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        [score] = await asyncio.get_running_loop().run_in_executor(threads, call, [json.loads(body)["inputs"]])
        labels = [{"label": "POSITIVE", "score": score}, {"label": "NEGATIVE", "score": 1 - score}]
        payload = json.dumps([labels]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    return app


def main():
    kind, folder, workloads_file = sys.argv[1:4]
    with open(workloads_file) as file:
        workloads = json.load(file)
    library = LIBRARIES[kind](folder)
    library.scores(["A first text, which compiles what is compiled late."])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(library), lifespan="off", log_level="warning", access_log=False))

    def commands():
        tell({"url": f"http://127.0.0.1:{listener.getsockname()[1]}/", "versions": library.versions})
        for line in sys.stdin:
            try:
                tell(answer(library, workloads, json.loads(line)))
            except Exception as error:
                tell({"error": f"{type(error).__name__}: {error}"})
        server.should_exit = True

    threading.Thread(target=commands, daemon=True).start()
    server.run(sockets=[listener])


main()
