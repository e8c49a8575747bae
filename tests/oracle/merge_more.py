"""Merge the micro pool with more of FusionBench's and mergekit's methods.

    python merge_more.py POOL OUT MERGEKIT_SOURCE

As merge_with_fusion_bench.py (shared/oracle), for methods that need help to
run on a ConvNeXt:
- OPCM and DOP visit parameters by leaf module and so miss the layer scales,
  which their parent module owns; here a module of their own holds them;
- DOGE picks 2-D weights instead of CLIP's names (its SVD fails on others).
mergekit's methods are called tensor by tensor, from its source files, Arcee
Fusion in float64 (in float32 its divergences are mostly rounding).
"""
import ast
import copy
import logging
import sys
import typing
from pathlib import Path

import typing_extensions

typing.override = getattr(typing, "override", typing_extensions.override)
logging.disable(logging.WARNING)

import torch
import torch.nn.functional as F
import transformers.models.clip.modeling_clip as modeling_clip

# FusionBench's packages of OPCM and DOP import a class that newer transformers
# renamed; nothing here uses it.
for missing in ("CLIPVisionTransformer", "CLIPTextTransformer"):
    if not hasattr(modeling_clip, missing):
        setattr(modeling_clip, missing, torch.nn.Module)

import fusion_bench.method as M
from fusion_bench.method.doge_ta.doge_ta import DOGE_TA_Algorithm
from fusion_bench.method.dop.dop_general import DOPMerging
from fusion_bench.method.opcm.opcm_general import OPCM
from fusion_bench.method.task_singular_vector import TaskSingularVectorMerging
from fusion_bench.modelpool import BaseModelPool
from safetensors.torch import save_file
from transformers import ConvNextForImageClassification

POOL, OUT, MERGEKIT = (Path(a) for a in sys.argv[1:4])
TASKS = ["alpha", "beta", "gamma"]


class Leaf(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value


def backbone(name):
    model = ConvNextForImageClassification.from_pretrained(
        POOL / name, dtype=torch.float32).convnext.eval()
    for module in list(model.modules()):
        scale = module._parameters.pop("layer_scale_parameter", None)
        if scale is not None:
            module.layer_scale_parameter = Leaf(scale)
    return model


class FreshPool(BaseModelPool):
    """Hands out copies, as a pool of files does: methods write into models."""

    def load_model(self, *args, **kwargs):
        return copy.deepcopy(super().load_model(*args, **kwargs))


def pool(tasks=TASKS):
    return FreshPool({"_pretrained_": backbone("pretrained"),
                      **{task: backbone(task) for task in tasks}})


def save(name, state):
    state = {f"convnext.{k.replace('.value', '')}": v.detach().float().contiguous()
             for k, v in state.items()}
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(state, OUT / f"{name}.safetensors", metadata={"format": "pt"})
    print(name, len(state))


def doge_vectors(self, modelpool, pretrained_model):
    start = pretrained_model.state_dict()
    return [{k: modelpool.load_model(name).state_dict()[k] - v
             for k, v in start.items() if v.dim() == 2}
            for name in modelpool.model_names]


torch.cuda.memory_allocated = lambda *a: 0
DOGE_TA_Algorithm.compute_task_vectors = doge_vectors


def calibrated(base, alpha):
    from fusion_bench.method.singular_value_calibration.generic import (
        SingularValueCalibrationWithBaseMethod)
    return SingularValueCalibrationWithBaseMethod(base_method=base, alpha=alpha)


METHODS = {
    "opcm": lambda: OPCM(alpha=0.5, shuffle_order=False, save_on_every_step=False),
    "dop": lambda: DOPMerging(
        shuffle_order=False, evaluate_on_every_step=False, lr=1e-4, num_steps=50,
        mgda=True, ema=True, ema_beta=0.9, alpha=0.8, svd_epsilon=0.9),
    "dop_fixed": lambda: DOPMerging(
        shuffle_order=False, evaluate_on_every_step=False, lr=1e-4, num_steps=20,
        mgda=False, alpha=0.7, svd_epsilon=0.9, svd_proj_space="u"),
    "doge_ta": lambda: DOGE_TA_Algorithm(subspace=6, K=30, lamda=0.07),
    "svc_task_arithmetic": lambda: calibrated(
        M.TaskArithmeticAlgorithm(scaling_factor=0.3), 0.1),
    "svc_ties_merging": lambda: calibrated(M.TiesMergingAlgorithm(
        scaling_factor=0.3, threshold=20, remove_keys=[], merge_func="sum"), 0.1),
    "svc_task_singular_vector": lambda: calibrated(
        TaskSingularVectorMerging(alpha=1), 1.0),
}


def function(path, name, extra=None):
    """One function or class of a file whose imports are not there."""
    tree = ast.parse((MERGEKIT / "mergekit/merge_methods" / path).read_text())
    for node in tree.body:
        if getattr(node, "name", None) == name:
            node.decorator_list = []
            scope = {"torch": torch, "F": F, "List": list, "Optional": typing.Optional,
                     "List": typing.List, **(extra or {})}
            exec(compile(ast.Module([node], []), path, "exec"), scope)
            return scope[name]


def arcee(expert, start):
    fusion = function("arcee_fusion.py", "DynamicThresholdFusion")()
    p, q = F.softmax(expert, dim=-1) + 1e-8, F.softmax(start, dim=-1) + 1e-8
    divergence = torch.sum(p * torch.log(p / q), dim=-1)
    scores = (expert - start).abs() * divergence.unsqueeze(-1)
    mask, _ = fusion.compute_fusion_mask(scores)
    return start + (expert - start) * mask


def mergekit():
    start, *experts = (backbone(n).state_dict() for n in ["pretrained", *TASKS])
    nuslerp = function("nuslerp.py", "nuslerp")
    multislerp = function("multislerp.py", "multislerp")
    karcher = function("karcher.py", "karcher_merge_tensors")
    each = lambda merge: {k: merge(*(e[k].clone() for e in experts)) for k in start}
    # 1/3 is the second of two weights 2 and 1.
    save("nuslerp", each(lambda a, b, _: nuslerp(1 / 3, a, b, flatten=True)))
    save("multislerp", each(lambda *t: multislerp(list(t), [1.0, 2.0, 3.0])))
    save("karcher", each(lambda *t: karcher(list(t), [1 / 3] * 3)))
    save("arcee_fusion", {
        k: arcee(experts[0][k].double(), start[k].double()) for k in start})


if __name__ == "__main__":
    for name, make in METHODS.items():
        torch.manual_seed(0)
        save(name, make().run(pool()).state_dict())
    mergekit()
