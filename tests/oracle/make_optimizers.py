"""Makes tests/training/optimizers.json: steps of torch's optimisers and
learning-rate schedules, its loss with label smoothing and its clipping.

    python tests/oracle/make_optimizers.py

Needs torch only.
"""

import json
import math
import pathlib

import torch

SIZE, STEPS = 12, 6
START = [math.sin(1.7 * i + 0.3) for i in range(SIZE)]


def gradient(step):
    return [math.cos(0.9 * i + 2.1 * step) * 10 ** (i % 4 - 2) for i in range(SIZE)]


def rate(step):
    return 0.05 * (1 + step % 3)


OPTIMIZERS = {
    "sgd": {},
    "sgd weight_decay": {"weight_decay": 0.1},
    "sgd momentum": {"momentum": 0.9},
    "sgd momentum weight_decay": {"momentum": 0.9, "weight_decay": 0.01},
    "sgd momentum dampening": {"momentum": 0.8, "dampening": 0.3},
    "sgd nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "adam": {},
    "adam betas eps weight_decay": {
        "betas": [0.8, 0.95],
        "eps": 1e-3,
        "weight_decay": 0.05,
    },
    "adamw": {},
    "adamw betas weight_decay": {"betas": [0.9, 0.95], "weight_decay": 0.2},
}
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def steps(name, options):
    weights = torch.nn.Parameter(torch.tensor(START))
    optimizer = CLASSES[name](
        [weights],
        lr=rate(0),
        **{k: tuple(v) if k == "betas" else v for k, v in options.items()},
    )
    after = []
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate(step)
        weights.grad = torch.tensor(gradient(step))
        optimizer.step()
        after.append(weights.detach().tolist())
    return after


def schedule(make, count=24):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    scheduler = make(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


lr_scheduler = torch.optim.lr_scheduler


def warm(optimizer, after, warmup):
    line = lr_scheduler.LinearLR(
        optimizer, start_factor=1 / warmup, total_iters=warmup - 1
    )
    return lr_scheduler.SequentialLR(optimizer, [line, after], milestones=[warmup])


SCHEDULES = [
    ({"name": "constant"}, lambda o: lr_scheduler.ConstantLR(o, factor=1)),
    (
        {"name": "cosine", "T_max": 24},
        lambda o: lr_scheduler.CosineAnnealingLR(o, 24),
    ),
    (
        {"name": "cosine", "T_max": 10, "eta_min": 0.001},
        lambda o: lr_scheduler.CosineAnnealingLR(o, 10, eta_min=0.001),
    ),
    (
        {"name": "step", "step_size": 5, "gamma": 0.3},
        lambda o: lr_scheduler.StepLR(o, 5, gamma=0.3),
    ),
    (
        {"name": "cosine", "T_max": 20, "warmup_steps": 4},
        lambda o: warm(o, lr_scheduler.CosineAnnealingLR(o, 20), 4),
    ),
    (
        {"name": "constant", "warmup_steps": 5},
        lambda o: warm(o, lr_scheduler.ConstantLR(o, factor=1), 5),
    ),
]


def loss(smoothing):
    logits = torch.tensor(
        [[math.sin(3.1 * i + j * 1.3) * 4 for j in range(5)] for i in range(4)],
        requires_grad=True,
    )
    value = torch.nn.functional.cross_entropy(
        logits, torch.tensor([0, 3, 4, 3]), label_smoothing=smoothing
    )
    value.backward()
    return {
        "label_smoothing": smoothing,
        "logits": logits.tolist(),
        "labels": [0, 3, 4, 3],
        "loss": value.item(),
        "gradient": logits.grad.tolist(),
    }


def clipped(limit):
    parameters = [torch.nn.Parameter(torch.zeros(SIZE)) for _ in range(2)]
    for i, parameter in enumerate(parameters):
        parameter.grad = torch.tensor(gradient(i))
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return {
        "limit": limit,
        "norm": norm.item(),
        "gradients": [p.grad.tolist() for p in parameters],
    }


result = {
    "torch": torch.__version__,
    "start": START,
    "gradients": [gradient(step) for step in range(STEPS)],
    "rates": [rate(step) for step in range(STEPS)],
    "optimizers": [
        {"name": name.split()[0], "options": options, "after": steps(name.split()[0], options)}
        for name, options in OPTIMIZERS.items()
    ],
    "schedules": [
        {"options": options, "rates": schedule(make)} for options, make in SCHEDULES
    ],
    "losses": [loss(smoothing) for smoothing in (0.0, 0.1, 0.7)],
    "clipped": [clipped(limit) for limit in (1.0, 1000.0)],
}
path = pathlib.Path(__file__).parent.parent / "training" / "optimizers.json"
path.write_text(json.dumps(result) + "\n")
