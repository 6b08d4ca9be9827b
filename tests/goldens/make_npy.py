#!/usr/bin/env python3
"""Files by numpy.save.

    python tests/goldens/make_npy.py        (numpy)

writes tests/goldens/npy/<type>.npy, 0, 1, 2, … of that type, [2, 3]; fortran.npy, the same by columns; scalar.npy, 7.5;
and big.npy, of the other byte order. Where ../shared/fixtures is there, the sums of real prompts go into real.json, and
the sum of each weighted with its place (from 1).
"""
import json
import pathlib

import numpy

FOLDER = pathlib.Path(__file__).parent / "npy"
FIXTURES = pathlib.Path(__file__).parents[3] / "shared" / "fixtures"


def main():
    FOLDER.mkdir(exist_ok=True)
    counted = numpy.arange(6).reshape(2, 3)
    for name in "float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8".split():
        numpy.save(FOLDER / f"{name}.npy", counted.astype(name))
    numpy.save(FOLDER / "fortran.npy", numpy.asfortranarray(counted.astype("float32")))
    numpy.save(FOLDER / "scalar.npy", numpy.array(7.5))
    numpy.save(FOLDER / "big.npy", counted.astype(">f4"))
    if FIXTURES.is_dir():
        sums = {}
        for path in sorted(FIXTURES.rglob("*.npy")):
            values = numpy.load(path).astype("float64")
            weights = numpy.arange(1, values.size + 1)
            sums[str(path.relative_to(FIXTURES))] = {"shape": values.shape, "sum": values.sum(),
                                                     "weighted": (values.reshape(-1) * weights).sum()}
        (FOLDER / "real.json").write_text(json.dumps(sums, indent=1) + "\n")


if __name__ == "__main__":
    main()
