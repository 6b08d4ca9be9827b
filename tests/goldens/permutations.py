"""torch.randperm on a CPU → permutations.json: the first numbers, and a hash of all, for several n and seeds.

  python tests/goldens/permutations.py      (torch)
"""
import json
import pathlib

import torch


def fnv(numbers):  # FNV-1a, 64 bits, over the numbers as four bytes each, low byte first
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in numbers):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def case(n, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()
    return {"n": n, "seed": seed, "first": order[:10], "hash": fnv(order)}


sizes = [(n, 42) for n in (0, 1, 2, 10, 277, 408, 872, 1043, 1500, 67349, 87599)] + [(100, 0), (100, 2**32 - 1)]
here = pathlib.Path(__file__).resolve().parent
(here / "permutations.json").write_text(json.dumps([case(*s) for s in sizes], separators=(",", ":")) + "\n")
