"""Merges a pool's folders with FusionBench or mergekit, for `deno task bench merge`.

    python merge_peers.py fusion_bench|mergekit METHOD POOL OUT

Exit status 3 says that this Python has no such library, or the library no such
method. One process a merge, start included, as for the other side.
"""
import importlib.util
import logging
import sys
import typing
from pathlib import Path

logging.disable(logging.WARNING)


def fusion_bench(method: str, pool: Path, out: Path) -> None:
    import typing_extensions

    typing.override = getattr(typing, "override", typing_extensions.override)  # Python 3.11
    import fusion_bench.method as methods
    import torch
    from fusion_bench.method.task_singular_vector import TaskSingularVectorMerging
    from fusion_bench.modelpool import BaseModelPool
    from safetensors.torch import save_file
    from transformers import ConvNextForImageClassification

    make = {
        "simple_average": lambda: methods.SimpleAverageAlgorithm(),
        "task_arithmetic": lambda: methods.TaskArithmeticAlgorithm(scaling_factor=0.3),
        "ties_merging": lambda: methods.TiesMergingAlgorithm(
            scaling_factor=0.3, threshold=20, remove_keys=[], merge_func="sum"),
        "iso_c": lambda: methods.ISO_C_Merge(scaling_factor=1.0),
        "TaskSingularVectorMerging": lambda: TaskSingularVectorMerging(alpha=1.0),
    }.get(method) or sys.exit(3)

    def backbone(folder: Path) -> torch.nn.Module:
        # Most of its methods do not honour fusion targets.
        return ConvNextForImageClassification.from_pretrained(folder).convnext.eval()

    tasks = sorted(p.name for p in pool.iterdir() if p.name != "pretrained")
    models = {"_pretrained_": backbone(pool / "pretrained")}
    models |= {task: backbone(pool / task) for task in tasks}
    merged = make().run(BaseModelPool(models))
    state = {name: value.contiguous() for name, value in merged.state_dict().items()}
    save_file(state, out / "model.safetensors")


def mergekit(method: str, pool: Path, out: Path) -> None:
    import yaml
    from mergekit.config import MergeConfiguration
    from mergekit.merge import MergeOptions, run_merge
    from transformers import ConvNextForImageClassification

    # It asks every model for token embeddings; newer transformers raise then.
    ConvNextForImageClassification.get_input_embeddings = lambda self: None

    config = {
        "simple_average": {"merge_method": "linear", "parameters": {"weight": 1.0}},
        "task_arithmetic": {"merge_method": "task_arithmetic", "parameters": {
            "weight": 0.3, "normalize": False}},
        "ties_merging": {"merge_method": "ties", "parameters": {
            "weight": 0.3, "density": 0.2, "normalize": False}},
    }.get(method) or sys.exit(3)
    tasks = sorted(p.name for p in pool.iterdir() if p.name != "pretrained")
    config |= {"models": [{"model": str(pool / task)} for task in tasks], "dtype": "float32"}
    if method != "simple_average":
        config["base_model"] = str(pool / "pretrained")
    run_merge(
        MergeConfiguration.model_validate(yaml.safe_load(yaml.dump(config))),
        str(out),
        options=MergeOptions(copy_tokenizer=False, lazy_unpickle=True, quiet=True),
    )


if __name__ == "__main__":
    peer, method, pool, out = sys.argv[1:]
    if importlib.util.find_spec(peer) is None:
        sys.exit(3)
    {"fusion_bench": fusion_bench, "mergekit": mergekit}[peer](method, Path(pool), Path(out))
