"""Loads a `pytorch_model.bin` that `fusion convert weights=pytorch` wrote, and
compares it with the `model.safetensors` that it was made of.

    deno task fusion convert input=tests/data/demo_pool/mnist output=out weights=pytorch
    pip install torch safetensors
    python tests/oracle/load_written.py out/pytorch_model.bin tests/data/demo_pool/mnist/model.safetensors
"""

import sys
import zipfile

import torch
from safetensors.torch import load_file

written, source = sys.argv[1:]
expected = load_file(source)
assert zipfile.ZipFile(written).testzip() is None
for mmap in [False, True]:
    state = torch.load(written, weights_only=True, mmap=mmap)
    assert state.keys() == expected.keys()
    for name, tensor in state.items():
        assert tensor.dtype == expected[name].dtype and tensor.is_contiguous(), name
        assert torch.equal(tensor, expected[name]), name
print(f"{len(expected)} tensors are equal; torch {torch.__version__}")
