#!/usr/bin/env python3
"""A file by the safetensors package, with one tensor of each type that C++ and Python share.

    python tests/goldens/make_safetensors.py        (torch, safetensors)

writes tests/goldens/safetensors/mixed.safetensors. Tensor `<type>` is 0, 1, 2, … of that type, [2, 3].
"""
import pathlib

import torch
from safetensors.torch import save_file

TYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16",
         "uint8"]


def main():
    tensors = {name: torch.arange(6).view(2, 3).to(getattr(torch, name)) for name in TYPES}
    tensors |= {"bool": torch.tensor([True, False, True]), "scalar": torch.tensor(7.5), "empty": torch.zeros(0, 4),
                'näme "quoted"\n': torch.tensor([1.0])}
    folder = pathlib.Path(__file__).parent / "safetensors"
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "mixed.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
