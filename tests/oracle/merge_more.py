"""Merge the micro pool with more of FusionBench's and mergekit's methods.

    python merge_more.py POOL OUT MERGEKIT_SOURCE [NAME ...]

Only the cases named are written, by default all.

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
NAMES = sys.argv[4:]
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
    if NAMES and name not in NAMES:
        return
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


def continual_ties(threshold, scaling_factor, merge_func):
    """FusionBench's loop of opcm/ties_merging; its class insists on CLIP."""
    from fusion_bench.method.ties_merging.ties_merging_utils import (
        state_dict_to_vector, ties_merging, vector_to_state_dict)
    start, *experts = (backbone(n).state_dict() for n in ["pretrained", *TASKS])
    merged = {k: v.clone() for k, v in start.items()}
    for i, expert in enumerate(experts):
        vector = {k: expert[k] - v for k, v in start.items()}
        if i > 0:
            so_far = {k: merged[k] - v for k, v in start.items()}
            both = torch.vstack([state_dict_to_vector(t) for t in (so_far, vector)])
            vector = vector_to_state_dict(
                ties_merging(both, reset_thresh=threshold, merge_func=merge_func),
                {k: v.clone() for k, v in start.items()})
        merged = {k: v + scaling_factor * vector[k] for k, v in merged.items()}
    return merged


def knots(threshold, scaling_factor, merge_func):
    """FusionBench's alignment, which no method of its calls, then its TIES."""
    from fusion_bench.method.knots.knots_utils import subspace_alignment
    from fusion_bench.method.ties_merging.ties_merging_utils import ties_merging
    start, *experts = (backbone(n).state_dict() for n in ["pretrained", *TASKS])
    aligned = [k for k, v in start.items() if v.dim() == 2]
    others = [k for k in start if k not in aligned]
    bases, rows = {}, {}
    for k in start:
        vectors = [e[k] - start[k] for e in experts]
        if k in aligned:
            bases[k], s, parts = subspace_alignment(vectors)
            vectors = [s[:, None] * part for part in parts]
        rows[k] = vectors
    merged = {}
    for names in (aligned, others):
        vectors = torch.stack([torch.cat([rows[k][i].reshape(-1) for k in names])
                               for i in range(len(experts))])
        both = ties_merging(vectors, reset_thresh=threshold, merge_func=merge_func)
        for k, part in zip(names, both.split([rows[k][0].numel() for k in names])):
            part = part.view(rows[k][0].shape)
            part = bases[k] @ part if k in bases else part
            merged[k] = start[k] + scaling_factor * part
    return merged


def projection(k, rank):
    """FusionBench's singular_projection_merging; it passes svd's driver wrongly."""
    from types import SimpleNamespace

    import fusion_bench.method.smile_upscaling.singular_projection_merging as module
    merging = object.__new__(module.SingularProjectionMergingAlgorithm)
    merging.config = SimpleNamespace(k=k, rank=rank, full_matrices=False)
    with torch.no_grad():
        return merging.merge(backbone("pretrained"), backbone("alpha")).state_dict()


def mergekit():
    start, *experts = (backbone(n).state_dict() for n in ["pretrained", *TASKS])
    nuslerp = function("nuslerp.py", "nuslerp")
    multislerp = function("multislerp.py", "multislerp")
    karcher = function("karcher.py", "karcher_merge_tensors")
    each = lambda merge: {k: merge(*(e[k].clone() for e in experts)) for k in start}
    # 1/3 is the second of two weights 2 and 1.
    save("nuslerp", each(lambda a, b, _: nuslerp(1 / 3, a, b, flatten=True)))
    save("multislerp", each(lambda *t: multislerp(list(t), [1.0, 2.0, 3.0])))
    nuslerp_base = lambda a, b, start: start + nuslerp(
        1 / 3, a - start, b - start, flatten=True)
    save("nuslerp_base", {
        k: nuslerp_base(experts[0][k], experts[1][k], v) for k, v in start.items()})
    save("multislerp_base", {
        k: multislerp([e[k].clone() for e in experts], [1.0, 2.0, 3.0], v)
        for k, v in start.items()})
    prepare = function("ram.py", "_prepare_ram_vectors", {"Tuple": typing.Tuple})
    for name, parameters in (("ram", {"epsilon": 1e-2}),
                             ("ramplus_tl", {"epsilon": 2e-2, "r": 0.4, "alpha": 0.5})):
        merge = function("ram.py", f"{name}_merge", {"_prepare_ram_vectors": prepare})
        save(name, {k: merge([e[k] for e in experts], v, **parameters)
                    for k, v in start.items()})
    save("karcher", each(lambda *t: karcher(list(t), [1 / 3] * 3)))
    save("arcee_fusion", {
        k: arcee(experts[0][k].double(), start[k].double()) for k in start})


if __name__ == "__main__":
    for name, make in METHODS.items():
        if NAMES and name not in NAMES:
            continue
        torch.manual_seed(0)
        save(name, make().run(pool()).state_dict())
    save("opcm_ties_merging", continual_ties(20, 0.5, "sum"))
    save("opcm_ties_merging_mean", continual_ties(30, 0.5, "mean"))
    save("knots_ties_merging", knots(20, 0.6, "mean"))
    save("singular_projection_merging", projection(4, "low"))
    save("singular_projection_merging_high", projection(-1, "high"))
    mergekit()
