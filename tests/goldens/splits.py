"""The splits of sets without public test labels, by torch.randperm → splits.json: for ten sizes the size of each split, its
first numbers, and a hash of all.

  python tests/goldens/splits.py      (torch)
"""
import json
import pathlib

import torch


def fnv(numbers):  # FNV-1a, 64 bits, over the numbers as four bytes each, low byte first
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in numbers):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def split(numbers):
    return {"size": len(numbers), "first": numbers[:10], "hash": fnv(numbers)}


def case(n):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(42)).tolist()
    held = 1000 if n >= 10000 else n // 10
    return {
        "n": n,
        "halved": {"validation": split(order[: n // 2]), "test": split(order[n // 2 :])},
        "held_out": {"validation": split(order[:held]), "train": split(order[held:])},
    }


# WNLI's, CB's … dev sets, around the size from which 1,000 are held out, and whole training sets.
sizes = [56, 71, 277, 408, 1043, 3270, 9999, 10000, 67349, 87599]
here = pathlib.Path(__file__).resolve().parent
(here / "splits.json").write_text(json.dumps([case(n) for n in sizes], separators=(",", ":")) + "\n")
