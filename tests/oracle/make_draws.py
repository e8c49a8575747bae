"""What PyTorch draws from a seed: tests/training/draws.json.

    python tests/oracle/make_draws.py tests/training/draws.json
"""

import json
import sys

import torch
from torch.utils.data import DataLoader


def generator(seed):
    return torch.Generator().manual_seed(seed)


def epochs(length, batch, seed, count):
    loader = DataLoader(
        range(length), batch, shuffle=True, generator=generator(seed)
    )
    return [[images.tolist() for images in loader] for _ in range(count)]


def head(classes, features, seed):
    kernel = torch.empty(classes, features)
    return kernel.normal_(0, 0.02, generator=generator(seed)).flatten().tolist()


json.dump(
    {
        "torch": torch.__version__,
        "orders": [
            {"length": length, "batch": batch, "seed": seed, "epochs": epochs(length, batch, seed, 3)}
            for length, batch, seed in [(7, 3, 3), (1000, 64, 0), (16, 16, 4294967295)]
        ],
        "heads": [
            {"classes": classes, "features": features, "seed": seed, "kernel": head(classes, features, seed)}
            for classes, features, seed in [(3, 8, 0), (10, 32, 5), (1, 16, 123456789)]
        ],
    },
    open(sys.argv[1], "w"),
    separators=(",", ":"),
)
