"""Golden files of methods that keep a mask for each task.

Writes tests/data/golden/merge_tasks/{emr_merging,tall_mask}.safetensors: the
micro pool's backbone of each task as TASK/TENSOR, the shared one as
merged/TENSOR, consensus merging's as consensus/TENSOR. FusionBench's own
functions compute unified vector, masks and rescalers; TALL masks come from
method/tall_mask/utils.py, which has the paper's formula.

Run in the checkout: python tests/oracle/merge_tasks.py
"""

from pathlib import Path

import torch
from fusion_bench.method.emr_merging.utils import emr_merge
from fusion_bench.method.tall_mask.utils import generate_task_masks
from safetensors.torch import load_file, save_file

POOL = Path("tests/data/micro_pool")
OUT = Path("tests/data/golden/merge_tasks")
EXPERTS = ["alpha", "beta", "gamma"]


def backbone(name):
    tensors = load_file(POOL / name / "model.safetensors")
    return {k: v.float() for k, v in tensors.items() if k.startswith("convnext.")}


start = backbone("pretrained")
vectors = [{k: v - start[k] for k, v in backbone(name).items()} for name in EXPERTS]


def save(name, backbones):
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            f"{task}/{k}": v.contiguous()
            for task, tensors in backbones.items()
            for k, v in tensors.items()
        },
        OUT / f"{name}.safetensors",
    )


unified, masks, rescalers = emr_merge(vectors)
emr = {"merged": {k: start[k] + unified[k] for k in start}}
for i, task in enumerate(EXPERTS):
    emr[task] = {
        k: start[k] + unified[k] * masks[k][i] * rescalers[i] for k in start
    }
save("emr_merging", emr)


def flat(tensors):
    return torch.cat([tensors[k].flatten() for k in start])


def unflat(vector):
    parts = vector.split([v.numel() for v in start.values()])
    return {k: part.view(v.shape) for part, (k, v) in zip(parts, start.items())}


rows = torch.stack([flat(vector) for vector in vectors])
total = rows.sum(0)
kept = generate_task_masks(
    rows, flat(start) + rows, flat(start), tall_mask_lambda=0.6
)
tall = {"merged": unflat(flat(start) + total)}
for i, task in enumerate(EXPERTS):
    tall[task] = unflat(flat(start) + total * kept[i])
agreed = kept.float().sum(0) >= 2
tall["consensus"] = unflat(flat(start) + 0.3 * total * agreed)
save("tall_mask", tall)
