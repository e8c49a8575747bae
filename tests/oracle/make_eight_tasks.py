"""Writes a few images of each of the eight tasks as parquet, as `datasets` does,
under the repositories' real names and in their layouts.

    pip install datasets pillow numpy fusion_bench
    python tests/oracle/make_eight_tasks.py
"""

import io
import shutil
from pathlib import Path

import numpy as np
from datasets import ClassLabel, Dataset, Features, Image
from fusion_bench.tasks.clip_classification import get_classnames
from PIL import Image as Pillow

OUT = Path(__file__).parents[1] / "data" / "eight_tasks"
ROWS = 6
# Repository, folder of its files, shards; the class names are FusionBench's.
TASKS = {
    "sun397": ("tanganke/sun397", "data", 2),
    "stanford_cars": ("tanganke/stanford_cars", "data", 1),
    "resisc45": ("tanganke/resisc45", "data", 1),
    "eurosat": ("tanganke/eurosat", "data", 1),
    "svhn": ("ufldl-stanford/svhn", "cropped_digits", 1),
    "gtsrb": ("tanganke/gtsrb", "data", 1),
    "mnist": ("ylecun/mnist", "mnist", 1),
    "dtd": ("tanganke/dtd", "data", 1),
}
random = np.random.default_rng(8)


def picture(grey: bool) -> bytes:
    """A few squares, so that the file is small."""
    squares = random.integers(0, 256, (4, 4) if grey else (4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(squares.repeat(5, 0).repeat(4, 1)).save(file, "PNG")
    return file.getvalue()


def write(task: str, repository: str, folder: str, shards: int) -> None:
    names = get_classnames(task)
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    rows = [
        {
            "image": {"bytes": picture(task == "mnist"), "path": None},
            "label": int(random.integers(len(names))),
        }
        for _ in range(ROWS)
    ]
    for split in ["test", "train"]:
        count = shards if split == "test" else 1
        for shard in range(count):
            # The train split must not be fetched; one row of it is enough.
            part = rows[shard::count] if split == "test" else rows[:1]
            path = OUT / repository / folder / f"{split}-{shard:05}-of-{count:05}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            Dataset.from_list(part, features=features).to_parquet(path)
    if folder != "data":
        (OUT / repository / "README.md").write_text(
            f"""---
configs:
- config_name: {folder}
  data_files:
  - split: train
    path: {folder}/train-*
  - split: test
    path: {folder}/test-*
---
"""
        )


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    for task, where in TASKS.items():
        write(task, *where)
