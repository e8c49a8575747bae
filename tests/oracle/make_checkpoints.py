"""Writes the checkpoints under tests/data/formats with Python's own libraries.

    pip install torch safetensors timm transformers
    python tests/oracle/make_checkpoints.py

Every folder is small and made of seeded random numbers, so that a second run
gives the same values (torch's file ids may differ).
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(__file__), "..", "data", "formats")


def path(*names):
    full = os.path.join(OUT, *names)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def write_json(value, *names):
    with open(path(*names), "w") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def tensors():
    """Every type, views, strides, storage offsets, shared storages."""
    generator = torch.Generator().manual_seed(7)
    base = torch.randn(6, 5, 4, generator=generator)
    state = {
        "f32": base,
        "view": base[2:4],
        "column": base[:, 1, 2],
        "transposed": base[0].t(),
        "permuted": base.permute(2, 0, 1),
        "every_second": base.flatten()[1::2],
        "expanded": base[0, 0, :2].unsqueeze(1).expand(2, 3),
        "shared": base,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "f64": torch.randn(3, generator=generator, dtype=torch.float64),
        "f16": torch.randn(3, 3, generator=generator).half().t(),
        "bf16": torch.randn(5, generator=generator).bfloat16(),
        "i64": torch.tensor([-5, 2**40, -(2**40)]),
        "i32": torch.tensor([7, -(2**31)], dtype=torch.int32),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        # A few elements, far apart.
        "sparse": (torch.arange(70000) % 251).to(torch.uint8)[3::30000],
    }
    parameter = torch.nn.Parameter(torch.randn(2, 2, generator=generator))
    state["parameter"] = parameter
    return state


def expected(state):
    return {
        name: tensor.detach().float().contiguous().clone()
        for name, tensor in state.items()
    }


def pytorch():
    state = tensors()
    save_file(expected(state), path("pytorch", "expected.safetensors"))
    torch.save(state, path("pytorch", "zip.bin"))
    torch.save(
        state, path("pytorch", "legacy.bin"), _use_new_zipfile_serialization=False
    )
    # As a training script saves it, with an OrderedDict that has `_metadata`.
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).view_as(parameter) + i)
    torch.save(
        {"epoch": 3, "arch": "tiny", "state_dict": module.state_dict(), "loss": 0.5},
        path("pytorch", "training.pth"),
    )
    torch.save(
        module.state_dict(), path("pytorch", "protocol4.pt"), pickle_protocol=4
    )
    # Sharded: what transformers wrote with max_shard_size.
    names = list(module.state_dict())
    shards = {
        f"pytorch_model-0000{i + 1}-of-00002.bin": names[i::2] for i in range(2)
    }
    for file, members in shards.items():
        torch.save(
            {name: module.state_dict()[name] for name in members},
            path("pytorch", "sharded", file),
        )
    write_json(
        {
            "metadata": {"total_size": 0},
            "weight_map": {n: f for f, members in shards.items() for n in members},
        },
        "pytorch", "sharded", "pytorch_model.bin.index.json",
    )

    # What must be refused: running it would call os.system.
    class Evil:
        def __reduce__(self):
            return os.system, ("echo run by a pickle",)

    torch.save({"weight": Evil()}, path("pytorch", "evil.bin"))


HIDDEN, DEPTHS = [8, 16, 24, 32], [1, 1, 2, 1]
LABELS = ["é", "bee", "cat", "dog"]


def randomize(model):
    """Weights far from their initial zeros and ones, so that every one counts."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
            if parameter.ndim > 1 and "grn" not in name:
                parameter.copy_(noise / fan_in**0.5)
            else:
                parameter.add_(0.3 * noise)


def pixels():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def timm_models():
    import timm
    from timm.models.convnext import ConvNeXt

    for name, options in {
        "timm": dict(ls_init_value=0.5),
        "timm_conv_mlp": dict(ls_init_value=0.5, conv_mlp=True),
        "timm_v2": dict(ls_init_value=None, use_grn=True),
    }.items():
        model = ConvNeXt(
            num_classes=4, depths=DEPTHS,
            dims=HIDDEN if name == "timm" else [4, 6, 8, 10], **options
        ).eval()
        randomize(model)
        state = model.state_dict()
        if name == "timm":
            save_file(state, path(name, "model.safetensors"), {"format": "pt"})
            write_json(
                {
                    "architecture": "convnext_tiny",
                    "model_args": {"depths": DEPTHS, "dims": HIDDEN},
                    "num_classes": 4,
                    "num_features": 32,
                    "pretrained_cfg": {
                        "input_size": [3, 32, 32],
                        "label_names": LABELS,
                        "mean": [0.485, 0.456, 0.406],
                        "std": [0.229, 0.224, 0.225],
                    },
                },
                name, "config.json",
            )
        else:  # a bare file, as timm's training script leaves
            torch.save(state, path(name, "pytorch_model.bin"))
        with torch.no_grad():
            logits = model(pixels())
        save_file(
            {"pixel_values": pixels(), "logits": logits},
            path(name, "forward.safetensors"),
        )
    print("timm", timm.__version__)


def convnextv2():
    import transformers
    from transformers import ConvNextV2Config, ConvNextV2ForImageClassification

    config = ConvNextV2Config(
        hidden_sizes=HIDDEN, depths=DEPTHS, image_size=32,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    model = ConvNextV2ForImageClassification(config).eval()
    randomize(model)
    model.save_pretrained(path("convnextv2", "config.json").rsplit(os.sep, 1)[0])
    with torch.no_grad():
        output = model(pixels(), output_hidden_states=True)
    save_file(
        {
            "pixel_values": pixels(),
            "logits": output.logits,
            **{
                f"hidden_states.{i}": state.contiguous()
                for i, state in enumerate(output.hidden_states)
                if i in (0, 4)
            },
        },
        path("convnextv2", "forward.safetensors"),
    )
    print("transformers", transformers.__version__)


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["pytorch", "timm_models", "convnextv2"]
    for name in wanted:
        globals()[name]()
    print("torch", torch.__version__)
