"""Merge the micro and the demo pool with FusionBench's methods that look at images.

    python merge_with_data.py MICRO_POOL DEMO_POOL DEMO_DATA OUT

FusionBench has these for CLIP, language models and ResNet. Here its functions
(squared gradients, Fisher and RegMean merging, task- and layer-wise merged
models, entropy) run on a ConvNeXt's backbone under each expert's head:
- images come in order, not shuffled;
- regmean_convolutions adds the stem and the downsampling convolutions, by their
  unfolded patches;
- the demo pool's "training" images are its test images (the demo has no others).
"""
import gzip
import logging
import sys
import typing
from pathlib import Path

import typing_extensions

typing.override = getattr(typing, "override", typing_extensions.override)
logging.disable(logging.WARNING)

import numpy as np
import torch
import torch.nn.functional as F
import transformers.models.clip.modeling_clip as modeling_clip

for missing in ("CLIPVisionTransformer", "CLIPTextTransformer"):
    if not hasattr(modeling_clip, missing):
        setattr(modeling_clip, missing, torch.nn.Module)

from fusion_bench.method.adamerging.entropy_loss import entropy_loss
from fusion_bench.method.fisher_merging.fisher_merging import (
    get_param_squared_gradients, merging_with_fisher_weights)
from fusion_bench.method.regmean.regmean import merging_with_regmean_weights
from fusion_bench.models.wrappers.layer_wise_fusion import (
    LayerWiseMergedModel, get_layer_wise_weights)
from fusion_bench.models.wrappers.task_wise_fusion import (
    TaskWiseMergedModel, get_task_wise_weights)
from PIL import Image
from safetensors.torch import save_file
from transformers import ConvNextForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

MICRO, DEMO, DATA, OUT = (Path(a) for a in sys.argv[1:5])
DEMO_TENSORS = [
    "embeddings.patch_embeddings.weight",
    "encoder.stages.0.layers.0.dwconv.weight",
    "encoder.stages.0.layers.0.pwconv1.weight",
    "encoder.stages.1.downsampling_layer.1.weight",
    "encoder.stages.1.layers.1.pwconv2.weight",
    "encoder.stages.2.layers.3.layernorm.weight",
    "encoder.stages.3.layers.1.layer_scale_parameter",
    "layernorm.bias",
]


def load(folder):
    return ConvNextForImageClassification.from_pretrained(
        folder, dtype=torch.float32).eval()


def micro_images(task):
    """24 images that any language can make: a hash of task and place."""
    i = np.arange(24 * 32 * 32 * 3, dtype=np.uint64) + np.uint64(1_000_003 * task)
    x = (i * np.uint64(2654435761)) % np.uint64(2**32)
    x = ((x ^ (x >> np.uint64(15))) * np.uint64(2246822519)) % np.uint64(2**32)
    images = (x >> np.uint64(24)).astype(np.uint8).reshape(24, 32, 32, 3)
    pixels = (images.astype(np.float32) * np.float32(1 / 255) - np.float32(0.5)) / 0.5
    return torch.tensor(pixels.transpose(0, 3, 1, 2), dtype=torch.float32)


def demo_images(task):
    raw = gzip.decompress((DATA / task / "test/images.idx.gz").read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    images = np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    processor = ConvNextImageProcessorPil.from_pretrained(DEMO / "pretrained")
    return processor([Image.fromarray(i).convert("RGB") for i in images],
                     return_tensors="pt")["pixel_values"]


def fisher(models, images, batch, count):
    params, fishers = {}, []
    for task, model in models.items():
        state = model.convnext.state_dict()
        for name, value in state.items():
            params.setdefault(name, []).append(value)
        total, seen = {}, 0
        for pixels in images[task].split(batch):
            if seen >= count:
                break
            logits = model(pixels).logits
            probabilities = torch.softmax(logits, dim=-1).detach()
            loss = (probabilities.sqrt() * torch.log_softmax(logits, dim=-1)).sum()
            model.zero_grad()
            loss.backward()
            for k, v in get_param_squared_gradients(model.convnext, list(state)).items():
                total[k] = total.get(k, 0) + v
            seen += len(pixels)
        fishers.append({k: v / seen for k, v in total.items()})
    ones = torch.ones(len(models)) / len(models)
    return merging_with_fisher_weights(params, fishers, ones, True, 1e-6)


@torch.no_grad()
def regmean(models, images, batch, count, ratio, convolutions):
    params, grams, shapes = {}, [], {}
    for task, model in models.items():
        modules = {n: m for n, m in model.convnext.named_modules()
                   if isinstance(m, torch.nn.Linear)
                   or convolutions and isinstance(m, torch.nn.Conv2d) and m.groups == 1}
        for name, value in model.convnext.state_dict().items():
            shapes[name] = value.shape
            if name.removesuffix(".weight") in modules:
                value = value.flatten(1)
            params.setdefault(name, []).append(value)
        sums, rows, handles = {}, {}, []
        for name, module in modules.items():
            def hook(module, inputs, _, name=name):
                x = inputs[0]
                if isinstance(module, torch.nn.Conv2d):
                    x = F.unfold(x, module.kernel_size, stride=module.stride).transpose(1, 2)
                x = x.reshape(-1, x.shape[-1])
                sums[name] = sums.get(name, 0) + x.T @ x
                rows[name] = rows.get(name, 0) + len(x)
            handles.append(module.register_forward_hook(hook))
        seen = 0
        for pixels in images[task].split(batch):
            if seen >= count:
                break
            model(pixels)
            seen += len(pixels)
        for handle in handles:
            handle.remove()
        grams.append({k: v / rows[k] for k, v in sums.items()})
    merged = merging_with_regmean_weights(params, grams, ratio, True)
    return {k: v.reshape(shapes[k]) for k, v in merged.items()}


def adamerging(pretrained, models, images, batch, steps, lr, layer_wise, clamp=False):
    heads = {task: model.classifier.requires_grad_(False) for task, model in models.items()}
    start, experts = pretrained.convnext, [m.convnext for m in models.values()]
    kwargs = dict(pretrained_model=start, finetuned_models=experts,
                  clamp_weights=clamp, tie_weights=True, strict=False)
    if layer_wise:
        weights = get_layer_wise_weights(len(models), len(list(start.parameters())), 0.3)
        module = LayerWiseMergedModel(layer_wise_weight=weights, **kwargs)
    else:
        module = TaskWiseMergedModel(
            task_wise_weight=get_task_wise_weights(len(models), 0.3), **kwargs)
    optimizer = torch.optim.Adam([module.merge_weight], lr=lr)
    module.merge_weights()
    batches = {task: pixels.split(batch) for task, pixels in images.items()}
    for step in range(steps):
        for task in models:
            pixels = batches[task][step % len(batches[task])]
            logits = heads[task](module(pixels).pooler_output)
            entropy_loss(logits).backward(retain_graph=True)
        print(".", end="", flush=True)
        optimizer.step()
        optimizer.zero_grad()
        module.merge_weights()
    return module.merge_and_unload().state_dict()


def save(name, state, tensors):
    OUT.mkdir(parents=True, exist_ok=True)
    save_file({f"convnext.{k}": v.detach().float().contiguous()
               for k, v in state.items() if tensors is None or k in tensors},
              OUT / f"{name}.safetensors", metadata={"format": "pt"})
    print(name)


def run(name, pool, images, tensors, batch, ada_batch, count, ratio):
    models = lambda: {task: load(pool / task) for task in images}
    save(f"{name}_fisher_merging", fisher(models(), images, batch, count), tensors)
    for suffix, convolutions in (("", False), ("_convolutions", True)):
        save(f"{name}_regmean{suffix}",
             regmean(models(), images, batch, count, ratio, convolutions), tensors)
    for suffix, layer_wise, lr in (("task_wise", False, 1e-2), ("layer_wise", True, 1e-3)):
        save(f"{name}_adamerging_{suffix}",
             adamerging(load(pool / "pretrained"), models(), images, ada_batch, 20, lr,
                        layer_wise), tensors)


if __name__ == "__main__":
    torch.manual_seed(0)
    run("micro", MICRO, {t: micro_images(i) for i, t in enumerate(["alpha", "beta", "gamma"])},
        None, 8, 2, 16, 0.9)
    run("demo", DEMO, {t: demo_images(t) for t in ["emoji", "fashion_mnist", "mnist", "optdigits"]},
        DEMO_TENSORS, 32, 16, 64, 0.9)
