"""Makes the data sets in tests/data/datasets with Python's own writers.

Needs datasets, pyarrow, pillow, numpy and torch:
    python tests/oracle/make_datasets.py
"""

import csv
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow

OUT = Path(__file__).parents[1] / "data" / "datasets"
NAMES = ["zebra", "ant", "ox"]
ROWS = 24
random = np.random.default_rng(0)


def encoded(i: int) -> bytes:
    """A small picture: JPEG or PNG, colour or grey."""
    shape = (5 + i % 4, 6 + i % 3, 3) if i % 4 else (7, 5)
    pixels = random.integers(0, 256, shape, dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG" if i % 5 == 0 else "PNG", quality=90)
    return file.getvalue()


IMAGES = [encoded(i) for i in range(ROWS)]
LABELS = [i * 7 % 3 for i in range(ROWS)]


def digest(image: bytes) -> str:
    pixels = np.asarray(Pillow.open(io.BytesIO(image)).convert("RGB"))
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:16]


def hub_repository() -> None:
    """As `Dataset.push_to_hub` lays it out: two configurations, shards."""
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})

    def write(path: str, rows: range) -> None:
        target = OUT / "repository" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_dict(
            {
                "image": [{"bytes": IMAGES[i], "path": f"{i}.png"} for i in rows],
                "label": [LABELS[i] for i in rows],
            },
            features=features,
        ).to_parquet(target)

    write("cropped/test-00000-of-00002.parquet", range(0, 10))
    write("cropped/test-00001-of-00002.parquet", range(10, 16))
    write("cropped/train-00000-of-00001.parquet", range(16, 24))
    write("full/train-00000-of-00001.parquet", range(0, 4))


def encodings() -> None:
    """Every way in which pyarrow can write the same rows."""
    folder = OUT / "encodings"
    folder.mkdir(parents=True, exist_ok=True)
    images = pa.array(
        [{"bytes": b, "path": None} for b in IMAGES],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    numbers = pa.array(LABELS, pa.int64())
    names = pa.array([NAMES[label] for label in LABELS])
    small_pages = dict(data_page_size=400, write_batch_size=3)
    variants = {
        "snappy": (numbers, {}),
        "none": (numbers, dict(compression="none")),
        "gzip": (numbers, dict(compression="gzip")),
        "zstd": (numbers, dict(compression="zstd")),
        "brotli": (numbers, dict(compression="brotli")),
        "version2": (numbers, dict(data_page_version="2.0", **small_pages)),
        "pages": (numbers, dict(use_dictionary=False, **small_pages)),
        "groups": (numbers.cast(pa.int32()), dict(row_group_size=5)),
        "delta": (
            numbers,
            dict(
                use_dictionary=False,
                column_encoding={
                    "image.bytes": "DELTA_LENGTH_BYTE_ARRAY",
                    "image.path": "PLAIN",
                    "label": "DELTA_BINARY_PACKED",
                },
            ),
        ),
        "names": (names, dict(row_group_size=10)),
        "names_plain": (names, dict(use_dictionary=False, **small_pages)),
    }
    for name, (labels, options) in variants.items():
        table = pa.table({"id": list(range(ROWS)), "image": images, "label": labels})
        pq.write_table(table, folder / f"{name}.parquet", **options)
    # No struct: bytes alone; columns of other names.
    features = Features({"img": Value("binary"), "fine_label": Value("int64")})
    Dataset.from_dict(
        {"img": IMAGES, "fine_label": LABELS}, features=features
    ).to_parquet(folder / "bytes.parquet")


def tars() -> None:
    """As webdataset has them, with every kind of long name."""
    folder = OUT / "webdataset" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    (OUT / "webdataset" / "classnames.txt").write_text("\n".join(NAMES) + "\n")
    formats = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
    for shard, form in enumerate(formats):
        with tarfile.open(folder / f"{shard}.tar", "w", format=form) as tar:
            for i in range(shard * 4, shard * 4 + 4):
                long = "long/" * 25 if i % 2 else ""
                key = f"{long}s{i:07}"
                label = (
                    {"json": json.dumps({"label": LABELS[i]}).encode()}
                    if i % 3 == 0
                    else {"cls": str(LABELS[i]).encode()}
                )
                ending = "jpg" if i % 5 == 0 else "png"
                for extension, content in {**label, ending: IMAGES[i]}.items():
                    member = tarfile.TarInfo(f"{key}.{extension}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))


def tables() -> None:
    """As `imagefolder` has them, and JSON lines."""
    folder = OUT / "table"
    (folder / "train" / "some, folder").mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(6):
        name = f"some, folder/{i}.png"
        (folder / "train" / name).write_bytes(IMAGES[i])
        rows.append((name, NAMES[LABELS[i]], "two\nlines"))
    with open(folder / "train" / "metadata.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "label", "text"])
        writer.writerows(rows)
    with open(folder / "test.jsonl", "w") as file:
        for i in range(4):
            path = f"train/{rows[i][0]}"
            file.write(json.dumps({"image": path, "label": LABELS[i]}) + "\n")


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    hub_repository()
    encodings()
    tars()
    tables()

    def permutation(length: int, seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(length, generator=generator).tolist()

    expected = {
        "names": NAMES,
        "labels": LABELS,
        "pixels": [digest(image) for image in IMAGES],
        "permutations": [
            {"length": n, "seed": s, "numbers": permutation(n, s)}
            for n, s in [(1, 0), (10, 0), (10, 42), (24, 7), (800, 4294967295)]
        ],
    }
    (OUT / "expected.json").write_text(json.dumps(expected) + "\n")
