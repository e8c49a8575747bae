"""Merge the micro and the demo pool with FusionBench's methods that go through
a model layer by layer or train something beside it.

    python adapt_with_data.py MICRO_POOL DEMO_POOL DEMO_DATA OUT [CASE...]

As in merge_with_data.py, whose loaders it uses, FusionBench's classes run on a
ConvNeXt's backbone under each expert's head; images come in order. What is
adapted:
- RegMean++: a subclass says what a ConvNeXt's layers are (the stem, each
  downsampling layer, each block, the last LayerNorm); with convolutions, patch
  convolutions are linear layers over unfolded patches.
"""
import inspect
import sys
import textwrap

from merge_with_data import (DEMO, DEMO_TENSORS, MICRO, OUT, demo_images, load,
                             micro_images, save)
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

CASES = sys.argv[5:]
MICRO_TASKS = ["alpha", "beta", "gamma"]
DEMO_TASKS = ["emoji", "fashion_mnist", "mnist", "optdigits"]


def models_of(pool, tasks):
    return {task: load(pool / task) for task in tasks}


# --- RegMean++ ---------------------------------------------------------------
from fusion_bench.method.regmean_plusplus.clip_regmean_plusplus import \
    RegMeanAlgorithmForCLIPPlusPlus
from fusion_bench.method.regmean_plusplus.regmean_plusplus import \
    RegMeanAlgorithmPlusPlus
import fusion_bench.method.regmean_plusplus.regmean_plusplus as regmean_plusplus_module
from fusion_bench.modelpool import BaseModelPool


# It takes the names of the first layer's parameters for those of every layer.
exec(textwrap.dedent(inspect.getsource(RegMeanAlgorithmPlusPlus.run)).replace(
    "if param_names_to_merge is None:", "if True:"),
    vars(regmean_plusplus_module), patched := {})
RegMeanAlgorithmPlusPlus.run = patched["run"]


class PatchLinear(nn.Linear):
    """A convolution of patches that do not overlap."""

    def __init__(self, convolution):
        out, channels, height, width = convolution.weight.shape
        super().__init__(channels * height * width, out)
        self.patch = (height, width)
        self.weight.data = convolution.weight.data.flatten(1)
        self.bias.data = convolution.bias.data

    def forward(self, x):
        batch, _, height, width = x.shape
        rows = F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)
        self.rows(rows)
        y = F.linear(rows, self.weight, self.bias).transpose(1, 2)
        return y.reshape(batch, -1, height // self.patch[0], width // self.patch[1])

    def rows(self, rows):
        pass


def with_patch_linears(backbone):
    embeddings = backbone.embeddings
    embeddings.patch_embeddings = PatchLinear(embeddings.patch_embeddings)
    for stage in backbone.encoder.stages:
        if len(stage.downsampling_layer) > 0:
            stage.downsampling_layer[1] = PatchLinear(stage.downsampling_layer[1])
    return backbone


class Pool(BaseModelPool):
    def __init__(self, pretrained, experts, images):
        self.all, self.images = {"_pretrained_": pretrained, **experts}, images
        super().__init__(models=self.all)

    def named_models(self):
        return ((k, v) for k, v in self.all.items() if k != "_pretrained_")

    def load_pretrained_model(self):
        return self.all["_pretrained_"]

    def load_train_dataset(self, name):
        return self.images[name]


class ConvNextRegMeanPlusPlus(RegMeanAlgorithmPlusPlus):
    def __init__(self, batch, convolutions, **kwargs):
        super().__init__(**kwargs)
        self.batch, self.convolutions = batch, convolutions

    def names(self, model):
        names = [] if not self.convolutions else ["embeddings"]
        for s, stage in enumerate(model.encoder.stages):
            if len(stage.downsampling_layer) > 0 and self.convolutions:
                names.append(f"encoder.stages.{s}.downsampling_layer")
            names += [f"encoder.stages.{s}.layers.{i}" for i in range(len(stage.layers))]
        return names

    def get_layers(self, model):
        return [model.get_submodule(name) for name in self.names(model)]

    def merge_embedding_layer(self, models_to_merge_dict):
        """Whatever has no linear layer is averaged."""
        self.order = self.names(next(iter(models_to_merge_dict.values())))
        states = [m.state_dict() for m in models_to_merge_dict.values()]
        return {k: torch.stack([s[k] for s in states]).mean(dim=0) for k in states[0]
                if not any(k.startswith(name + ".") for name in self.order)}

    def get_input_for_first_layer(self, model, images):
        batches = list(images.split(self.batch))[: -(-self.num_regmean_examples // self.batch)]
        return batches if self.convolutions else [model.embeddings(b) for b in batches]

    def update_merged_params_dict(self, merged_params_dict, new_merged_params, layer_idx):
        for key, value in new_merged_params.items():
            merged_params_dict[f"{self.order[layer_idx]}.{key}"] = value
        return merged_params_dict

    def layer_batches_forward(self, layer, batches):
        return [layer(batch) for batch in batches]

    class Fabric:
        @staticmethod
        def setup(layer):
            return layer

    fabric = Fabric()
    get_regmean_weights = RegMeanAlgorithmForCLIPPlusPlus.get_regmean_weights


class Downsampling(nn.Sequential):
    """transformers' ModuleList of a downsampling layer, as one module."""


def regmean_plusplus(pool, tasks, images, batch, count, convolutions):
    def backbone(folder):
        model = load(folder).convnext
        for stage in model.encoder.stages:
            if len(stage.downsampling_layer) > 0:
                stage.downsampling_layer = Downsampling(*stage.downsampling_layer)
        return with_patch_linears(model) if convolutions else model

    if not convolutions:
        return without_convolutions(backbone, pool, tasks, images, batch, count)
    start = backbone(pool / "pretrained")
    shapes = {k: v.shape for k, v in load(pool / "pretrained").convnext.state_dict().items()}
    # FusionBench's hook sees a linear layer's input: that of a patch is its rows.
    hook = nn.Linear.register_forward_hook

    def register(self, function):
        if not isinstance(self, PatchLinear):
            return hook(self, function)
        self.rows = lambda rows: function(self, (rows,), None)
        owner = self

        class Handle:
            def remove(self):
                owner.rows = lambda rows: None
        return Handle()

    PatchLinear.register_forward_hook = register
    merged = ConvNextRegMeanPlusPlus(
        batch, True, num_regmean_examples=count, exclude_param_names_regex=[],
        reduce_non_diagonal_ratio=0.9, weight_transpose=True,
    ).run(Pool(start, {t: backbone(pool / t) for t in tasks}, images))
    return {k: v.reshape(shapes[k]) for k, v in merged.state_dict().items()}


def without_convolutions(backbone, pool, tasks, images, batch, count):
    """Downsampling layers are averaged: they go before their stage's first block."""
    class Plain(ConvNextRegMeanPlusPlus):
        def layer_batches_forward(self, layer, batches):
            owner = getattr(layer, "downsampling", None)
            return [layer(owner[0](b) if owner else b) for b in batches]

    experts = {t: backbone(pool / t) for t in tasks}
    start = backbone(pool / "pretrained")
    states = [{k: v.clone() for k, v in m.state_dict().items()} for m in experts.values()]
    for model in [start, *experts.values()]:
        for stage in model.encoder.stages:
            if len(stage.downsampling_layer) == 0:
                continue
            own = stage.downsampling_layer
            name = next(n for n, m in model.named_modules() if m is own)
            own.load_state_dict({
                k: torch.stack([s[f"{name}.{k}"] for s in states]).mean(dim=0)
                for k in own.state_dict()})
            stage.layers[0].downsampling = [own]  # in a list: not a submodule
    return Plain(
        batch, False, num_regmean_examples=count, exclude_param_names_regex=[],
        reduce_non_diagonal_ratio=0.9, weight_transpose=True,
    ).run(Pool(start, experts, images)).state_dict()


def run_regmean_plusplus():
    for name, pool, tasks, images, tensors, batch, count in (
        ("micro", MICRO, MICRO_TASKS, micro, None, 8, 16),
        ("demo", DEMO, DEMO_TASKS, demo, DEMO_TENSORS, 32, 64),
    ):
        for suffix in ("", "_convolutions") if name == "micro" else ("_convolutions",):
            save(f"{name}_regmean_plusplus{suffix}",
                 regmean_plusplus(pool, tasks, images(), batch, count, suffix != ""), tensors)


def micro():
    return {t: micro_images(i) for i, t in enumerate(MICRO_TASKS)}


def demo():
    return {t: demo_images(t) for t in DEMO_TASKS}


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES or ["regmean_plusplus"]:
        globals()[f"run_{case}"]()
