"""The recipe of bench/finetune.ts in PyTorch, eager, on two threads unless told otherwise.

    CUDA_VISIBLE_DEVICES= python bench/finetune_torch.py ../shared/reference [seeds] [tasks] [threads]
"""

import gzip
import math
import statistics
import sys
import time
from pathlib import Path

import numpy
import torch
import transformers
from transformers import AutoImageProcessor, ConvNextForImageClassification

threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
torch.set_num_threads(threads)
reference = Path(sys.argv[1])
seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
tasks = (
    sys.argv[3].split(",")
    if len(sys.argv) > 3
    else ["mnist", "fashion_mnist", "optdigits", "emoji"]
)
pretrained = reference / "demo_pool" / "pretrained"
processor = AutoImageProcessor.from_pretrained(pretrained)
EPOCHS, BATCH, RATE = 3, 64, 0.001


def idx(path):
    data = gzip.decompress(path.read_bytes())
    rank = data[3]
    shape = numpy.frombuffer(data, ">u4", rank, 4)
    return numpy.frombuffer(data, "u1", offset=4 + 4 * rank).reshape(shape)


def load(task, split):
    folder = reference / "data" / task / split
    images = idx(folder / "images.idx.gz")
    if images.ndim == 3:
        images = numpy.repeat(images[..., None], 3, axis=-1)
    pixels = processor(images=list(images), return_tensors="pt")["pixel_values"]
    return pixels, torch.tensor(idx(folder / "labels.idx.gz").astype("int64"))


print(f"torch {torch.__version__}, transformers {transformers.__version__}, {threads} threads")
means, times = [], []
for task in tasks:
    pixels, labels = load(task, "train")
    test_pixels, test_labels = load(task, "test")
    classes = transformers.AutoConfig.from_pretrained(
        reference / "demo_pool" / task
    ).num_labels
    accuracies = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = ConvNextForImageClassification.from_pretrained(pretrained).float()
        model.classifier = torch.nn.Linear(model.classifier.in_features, classes)
        torch.nn.init.normal_(
            model.classifier.weight,
            std=0.02,
            generator=torch.Generator().manual_seed(seed),
        )
        torch.nn.init.zeros_(model.classifier.bias)
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
        steps = EPOCHS * math.ceil(len(labels) / BATCH)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        loader = torch.utils.data.DataLoader(
            range(len(labels)),
            BATCH,
            shuffle=True,
            generator=torch.Generator().manual_seed(seed),
        )
        for _ in range(EPOCHS):
            for batch in loader:
                start = time.perf_counter()
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(
                    model(pixels[batch]).logits, labels[batch]
                )
                loss.backward()
                optimizer.step()
                scheduler.step()
                loss.item()
                times.append(time.perf_counter() - start)
        model.eval()
        with torch.no_grad():
            predictions = torch.cat(
                [model(part).logits.argmax(1) for part in test_pixels.split(BATCH)]
            )
        accuracies.append((predictions == test_labels).float().mean().item())
    means.append(statistics.mean(accuracies))
    print(f"{task}: {means[-1]:.4f} ({', '.join(f'{a:.3f}' for a in accuracies)})")
print(f"mean {statistics.mean(means):.4f}, {statistics.median(times) * 1e3:.0f} ms a step (median)")
