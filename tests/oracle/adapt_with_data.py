"""Merge the micro and the demo pool with FusionBench's methods that go through
a model layer by layer or train something beside it.

    python adapt_with_data.py MICRO_POOL DEMO_POOL DEMO_DATA OUT [CASE...]

As in merge_with_data.py, whose loaders it uses, FusionBench's classes run on a
ConvNeXt's backbone under each expert's head; images come in order. What is
adapted:
- RegMean++: a subclass says what a ConvNeXt's layers are (the stem, each
  downsampling layer, each block, the last LayerNorm); with convolutions, patch
  convolutions are linear layers over unfolded patches.
- Concrete subspace: FusionBench's classes with this project's random numbers for
  masks, and steps long enough to tell in a few of them.
- Surgery: on pooled features, its modules begun with this project's random numbers.
- Weight-ensembling MoE: a block's two products are its MLP; routers begin with
  this project's random numbers; logits are routed image by image.
"""
import copy
import inspect
import itertools
import sys
import textwrap

from merge_with_data import (DEMO, DEMO_TENSORS, MICRO, OUT, demo_images, load,
                             micro_images, save)
import numpy as np
import torch
import torch.nn.functional as F
from omegaconf import DictConfig
from torch import nn

import fusion_bench.method.concrete_subspace.clip_concrete_adamerging as concrete_ada
import fusion_bench.method.concrete_subspace.clip_concrete_task_arithmetic as concrete_ta
import fusion_bench.method.surgery.clip_layer_wise_adamerging_surgery as surgery_module
import fusion_bench.method.we_moe.we_moe as we_moe
from fusion_bench.models.masks import MaskModel
from fusion_bench.models.we_moe import WeightEnsemblingMoE

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


# --- Methods that adapt to test images ---------------------------------------
class FakeFabric:
    """One process, one device."""
    is_global_zero = False

    def setup(self, *objects):
        return objects if len(objects) > 1 else objects[0]

    def backward(self, loss, **kwargs):
        loss.backward(**kwargs)

    def to_device(self, value):
        return value

    def log_dict(self, *_, **__):
        pass


class TestTime:
    """What a FusionBench algorithm for CLIP asks of its surroundings."""
    fabric = FakeFabric()
    is_debug_mode = False

    def setup(self, pool, tasks, images, batch, config):
        self.config = DictConfig(config)
        models = models_of(pool, tasks)
        self.heads = {t: m.classifier.requires_grad_(False) for t, m in models.items()}
        self.modelpool = self
        self.model_names = tasks
        self.folder = pool
        self.batches = {t: itertools.cycle([(b, None) for b in images[t].split(batch)])
                        for t in tasks}
        return self

    def load_model(self, name):
        return load(self.folder / name.strip("_")).convnext

    def get_shuffled_test_loader_iter(self, task):
        return self.batches[task]

    def compute_logits(self, module, images, task):
        images = images[0] if isinstance(images, tuple) else images
        return self.heads[task](module(images).pooler_output)

    def setup_zero_shot_classification_head(self):
        pass

    def to_device(self, value):
        return value

    def log_hyperparams(self, *_, **__):
        pass


# --- Concrete subspace -------------------------------------------------------
def random_uniform(seed, names, length):
    """src/merge/random.ts"""
    mask = 0xFFFFFFFF

    def scramble(x):
        x = ((x ^ (x >> 16)) * 0x85EBCA6B) & mask
        x = ((x ^ (x >> 13)) * 0xC2B2AE35) & mask
        return x ^ (x >> 16)
    first = scramble(seed & mask)
    for byte in "\0".join(names).encode():
        first = scramble((first + byte + 0x9E3779B9) & mask)
    second = scramble(first ^ 0x9E3779B9)
    index = (np.arange(length, dtype=np.uint64) + np.uint64(first)) & np.uint64(mask)
    hash = scramble((scramble(index) + second) & mask)
    return torch.tensor(((hash >> np.uint64(8)).astype(np.float64) * 2.0**-24).astype(np.float32))


def draw_as_we_do(mask_model, draws, names=None):
    """Masks are drawn with this project's random numbers."""
    sample_mask = MaskModel.sample_mask
    rand, bernoulli = torch.rand, torch.bernoulli

    def sample(*args, **kwargs):
        draw = next(draws)
        names = iter([n for n, _ in mask_model.named_parameters()])

        def uniform(shape):
            name = f"convnext.{next(names)}"
            return random_uniform(0, ["mask", draw, name], int(np.prod(shape))).reshape(shape)
        torch.rand = lambda shape, **_: uniform(shape)
        torch.bernoulli = lambda p: (uniform(p.shape) < p).float()
        try:
            return sample_mask(mask_model, *args, **kwargs)
        finally:
            torch.rand, torch.bernoulli = rand, bernoulli
    mask_model.sample_mask = sample


def concrete(kind, pool, tasks, images, batch, config):
    base = {
        "task_arithmetic": concrete_ta.ConcreteTaskArithmeticAlgorithmForCLIP,
        "task_wise_adamerging": concrete_ada.ConcreteTaskWiseAdaMergingForCLIP,
        "layer_wise_adamerging": concrete_ada.ConcreteLayerWiseAdaMergingForCLIP,
    }[kind]

    class Algorithm(TestTime, base):
        def __init__(self):
            nn.Module.__init__(self) if isinstance(self, nn.Module) else None

        def setup_models(self):
            module, mask_model = super().setup_models()
            steps = [f"step {i}" for i in range(self.config.max_steps)]
            draw_as_we_do(mask_model, iter(steps + ["evaluation"]))
            return module, mask_model

    concrete_ta.to_modelpool = concrete_ada.to_modelpool = lambda pool: pool
    MaskModel.device = "cpu"
    torch.cuda.empty_cache = lambda: None
    algorithm = Algorithm().setup(pool, tasks, images, batch, dict(
        optimizer="adam", lr=1e-1, base_lr=1, adamerging_lr=1e-2, scaling_factor=0.3,
        save_interval=10**9, initial_logits=0, temperature=0.5,
        eval_mask_type="continuous", mask_checkpoint=None, skip_training=False,
        clamp_weights=False, tie_weights=True, strict=False, merge_dtype=None) | config)
    return algorithm.run(algorithm).state_dict()


def run_concrete():
    for kind, config in (
        ("task_arithmetic", dict(max_steps=4)),
        ("task_wise_adamerging", dict(max_steps=2, max_adamerging_steps=2)),
        ("layer_wise_adamerging", dict(max_steps=2, max_adamerging_steps=2,
                                       eval_mask_type="discrete", clamp_weights=True)),
    ):
        save(f"micro_concrete_{kind}",
             concrete(kind, MICRO, MICRO_TASKS, micro(), 2, config), None)


# --- AdaMerging with surgery ---------------------------------------------------
def surgery(pool, tasks, images, batch, config):
    class Algorithm(TestTime, surgery_module.CLIPLayerWiseAdaMergingSurgeryAlgorithm):
        def __init__(self):
            pass

        def load_model(self, name):
            model = super().load_model(name)
            model.config.projection_dim = model.config.hidden_sizes[-1]
            return model

        def load_pretrained_model(self):
            return self.load_model("_pretrained_")

        def named_models(self):
            return [(t, self.load_model(t)) for t in self.model_names]

        def models(self):
            return [m for _, m in self.named_models()]

        def compute_features(self, model, images):
            return model(images).pooler_output

        def on_test_time_adaptation_start(self):
            pass

    class Wrapper(surgery_module.SurgeryModelWrapper):
        def add_surgery_module(self, task):
            super().add_surgery_module(task)
            down = getattr(self, f"feature_mapping_to_head_down_proj_{task}").weight
            uniform = random_uniform(0, ["surgery", task], down.numel()).reshape(down.shape)
            down.data = (2 * uniform - 1) / down.shape[1] ** 0.5

    original, surgery_module.SurgeryModelWrapper = surgery_module.SurgeryModelWrapper, Wrapper
    algorithm = Algorithm().setup(pool, tasks, images, batch, dict(
        weights=None, optimizer="adam", lr=1e-3, init_values=0.3, clamp_weights=False,
        tie_weights=True, strict=False, fast_dev_run=False, save_merging_weights=None,
        eval_iterations=10**9) | config)
    result = algorithm.run(algorithm)
    surgery_module.SurgeryModelWrapper = original
    state = dict(result["adamerging"].state_dict())
    for name, value in result["surgery"].named_parameters():
        if name.startswith("feature_mapping_to_head_"):
            kind, task = name.removeprefix("feature_mapping_to_head_").rsplit("_", 1)
            state[f"{task.removesuffix('.weight')}.{kind}.weight"] = value
    return state


def run_surgery():
    save("micro_adamerging_surgery",
         surgery(MICRO, MICRO_TASKS, micro(), 2, dict(max_steps=2, surgery_steps=8)), None)


# --- Weight-ensembling MoE -----------------------------------------------------
class Mlp(nn.Module):
    """A block's two products."""

    def __init__(self, block):
        super().__init__()
        self.pwconv1, self.act, self.pwconv2 = block.pwconv1, block.act, block.pwconv2

    def forward(self, x):
        return self.pwconv2(self.act(self.pwconv1(x)))


class InBlock(nn.Module):
    """Stands where a block has its first product: [batch, height, width, channels]."""

    def __init__(self, moe):
        super().__init__()
        self.moe = moe

    def forward(self, x):
        return self.moe(x.flatten(1, 2)).reshape(x.shape)


def wemoe(pool, tasks, images, batch, config):
    class Algorithm(TestTime, we_moe.WeightEnsemblingMoEAlgorithm):
        _fabric = FakeFabric()

        def __init__(self):
            pass

        def load_checkpoint(self, *_): ...
        def save_checkpoint(self, *_): ...

        def construct_moe_model(self):
            base = self.load_model("_pretrained_")
            experts = [self.load_model(t) for t in self.model_names]
            # task_arithmetic_merge itself: this version's refuses its own state dicts.
            model, start = copy.deepcopy(base).requires_grad_(False), base.state_dict()
            model.load_state_dict({
                k: v + self.config.init_lambda * sum(e.state_dict()[k] - v for e in experts)
                for k, v in start.items()})
            for name, block in list(model.named_modules()):
                if not hasattr(block, "pwconv1"):
                    continue
                moe = WeightEnsemblingMoE(
                    hidden_size=block.pwconv1.in_features,
                    base_model=Mlp(base.get_submodule(name)),
                    expert_models=[Mlp(e.get_submodule(name)) for e in experts],
                    init_lambda=self.config.init_lambda, batch_first=True,
                    router_hidden_layers=self.config.router_hidden_layers,
                    batch_reduce=self.config.batch_reduce)
                for key, value in moe.gate.named_parameters():
                    if key.endswith("weight") and key != "weight":
                        value.data = 0.01 * random_normal(
                            0, ["router", f"convnext.{name}.{key}"], value.numel()
                        ).reshape(value.shape)
                block.pwconv1, block.act, block.pwconv2 = InBlock(moe), nn.Identity(), nn.Identity()
            return model

    algorithm = Algorithm().setup(pool, tasks, images, batch, dict(
        init_lambda=0.3, batch_reduce=True, optimizer="adam", use_grad_accumulate=True,
        fast_dev_run=False) | config)
    model = algorithm.run(algorithm).eval()
    state = {}
    for name, module in model.named_modules():
        if isinstance(module, WeightEnsemblingMoE):
            module.batch_reduce = False  # sample by sample, as FusionBench means it
            block = name.removesuffix(".pwconv1.moe")
            state |= {f"{block}.{k}": v for k, v in module.gate.state_dict().items()}
    with torch.no_grad():
        for task in tasks:
            state[f"logits.{task}"] = algorithm.heads[task](
                model(images[task][:4]).pooler_output)
    return state


def random_normal(seed, names, length):
    """src/merge/random.ts"""
    one = random_uniform(seed, [*names, "radius"], length).double()
    two = random_uniform(seed, [*names, "angle"], length).double()
    return (torch.sqrt(-2 * torch.log1p(-one)) * torch.cos(2 * torch.pi * two)).float()


def run_wemoe():
    for layers in (0, 1, 2):
        save(f"micro_wemoe_{layers}", wemoe(
            MICRO, MICRO_TASKS, micro(), 2,
            dict(max_steps=3, router_hidden_layers=layers, lr=1e-2)), None)


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES or ["regmean_plusplus", "concrete", "surgery", "wemoe"]:
        globals()[f"run_{case}"]()
