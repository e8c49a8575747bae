"""Times one peer, torch or onnxruntime, as timed_process.ts asks."""
import io
import json
import sys
import time

peer, threads = sys.argv[1], int(sys.argv[2])
try:
    import torch
    import transformers
    if peer == "onnxruntime":
        import onnx  # noqa: F401  (torch's exporter wants it)
        import onnxruntime
except ImportError as error:
    sys.exit(f"{peer}: {error}")

torch.set_num_threads(threads)
torch.manual_seed(0)
version = torch.__version__ if peer == "torch" else onnxruntime.__version__
print(f"{peer} {version} ({threads} threads)", flush=True)

SIZES = {
    "tiny": ([3, 3, 9, 3], [96, 192, 384, 768]),
    "base": ([3, 3, 27, 3], [128, 256, 512, 1024]),
}


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values).logits


def build(size):
    depths, hidden_sizes = SIZES[size]
    config = transformers.ConvNextConfig(
        depths=depths, hidden_sizes=hidden_sizes, num_labels=1000)
    model = Logits(transformers.ConvNextForImageClassification(config).eval())
    if peer == "torch":
        return model
    buffer = io.BytesIO()
    torch.onnx.export(
        model, (torch.randn(2, 3, 224, 224),), buffer, opset_version=20,
        input_names=["pixel_values"], output_names=["logits"],
        dynamic_axes={"pixel_values": {0: "batch"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(
        buffer.getvalue(), options, providers=["CPUExecutionProvider"])


models = {}
for line in sys.stdin:
    case = json.loads(line)
    if case["size"] not in models:
        models = {case["size"]: build(case["size"])}
    model = models[case["size"]]
    pixels = torch.randn(case["batch"], 3, 224, 224)
    feed = {"pixel_values": pixels.numpy()}
    begin = time.perf_counter()
    if peer == "torch":
        with torch.inference_mode():
            model(pixels)
    else:
        model.run(None, feed)
    print((time.perf_counter() - begin) * 1e3, flush=True)
