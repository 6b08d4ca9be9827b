#!/usr/bin/env python3
"""Files by torch.save, and what torch itself reads in files of others.

    python tests/goldens/make_torch_save.py        (torch 2.11, numpy)

writes tests/goldens/torch_save/: small files that between them have every type, views of all sorts, parameters, nested
containers, the four protocols, the form before 1.6, and files that ask for what must not be done (loading one of those
with torch.load(weights_only=False) prints a word). Where ../shared/fixtures is there, real files are loaded with torch
and their sums go into real.json: count of tensors, of elements, sum of all, and the sum of each weighted with its place
(from 1, in the order of the names' bytes).
"""
import collections
import json
import os
import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent / "torch_save"
FIXTURES = pathlib.Path(__file__).parents[3] / "shared" / "fixtures"
TYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16",
         "uint8", "float8_e4m3fn", "float8_e5m2"]


class Calls:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def mixed():
    tensors = collections.OrderedDict((name, torch.arange(6).view(2, 3).to(getattr(torch, name))) for name in TYPES)
    base = torch.arange(12.0).view(3, 4)
    with_state = torch.nn.Parameter(torch.arange(3.0))
    with_state.note = "kept beside the tensor"
    tensors |= {
        "bool": torch.tensor([True, False, True]), "scalar": torch.tensor(7.5), "empty": torch.zeros(0, 4),
        "base": base, "transposed": base.t(), "slice": base[1:, 1:3], "last_row": base[2], "same": base,
        "reversed_axes": torch.arange(24.0).view(2, 3, 4).permute(2, 0, 1),
        "parameter": torch.nn.Parameter(torch.arange(4.0)), "parameter_with_state": with_state,
    }
    tensors._metadata = collections.OrderedDict({"": {"version": 1}})
    return {"model": tensors, "list": [torch.ones(1), (torch.full((2,), 2.0), 3)], 7: torch.full((1,), 7.0),
            "step": 10, "rate": 0.5, "large": 2**70, "negative": -2, "name": "x", "none": None, "flags": [True, False],
            "shape": base.shape, "type": torch.float32, "set": {1}, "bytes": b"raw"}


def sums(path):
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(loaded, torch.Tensor):
        loaded = {"tensor": loaded}
    tensors = [loaded[name].detach().double() for name in sorted(loaded, key=str.encode)]
    return {"tensors": len(tensors), "elements": sum(tensor.numel() for tensor in tensors),
            "sum": sum(tensor.sum().item() for tensor in tensors),
            "weighted": sum((i + 1) * tensor.sum().item() for i, tensor in enumerate(tensors))}


def main():
    FOLDER.mkdir(exist_ok=True)
    for protocol in 2, 3, 4, 5:
        torch.save(mixed(), FOLDER / f"mixed-{protocol}.pt", pickle_protocol=protocol)
    row = torch.arange(20.0).view(5, 4)[2]
    tag, torch.serialization.location_tag = torch.serialization.location_tag, lambda storage: "cuda:0"
    torch.save(row, FOLDER / "row-of-cuda.pt")
    torch.save(torch.nn.Parameter(row), FOLDER / "parameter-of-cuda.pt")
    torch.serialization.location_tag = tag
    torch.save({"x": row}, FOLDER / "before-1.6.pt", _use_new_zipfile_serialization=False)
    torch.save({"x": torch.zeros(3, dtype=torch.complex64)}, FOLDER / "complex.pt")
    torch.save({"x": torch._neg_view(torch.arange(3.0))}, FOLDER / "negated.pt")
    torch.save({"x": torch.zeros(1).expand(1000, 1000)}, FOLDER / "expanded.pt")
    torch.save({"x": Calls(os.system, "echo os.system was called")}, FOLDER / "calls-system.pt")
    torch.save({"x": Calls(eval, "print('eval was called')")}, FOLDER / "calls-eval.pt", pickle_protocol=4)
    torch.save({"x": torch.nn.Linear(1, 1)}, FOLDER / "module.pt")

    if FIXTURES.is_dir():
        real = sorted([*FIXTURES.rglob("*.pt"), *FIXTURES.rglob("*.bin")])
        text = json.dumps({str(path.relative_to(FIXTURES)): sums(path) for path in real}, indent=1)
        (FOLDER / "real.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
