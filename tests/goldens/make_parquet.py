#!/usr/bin/env python3
"""A small Parquet file with the types that data sets have, and its rows as pyarrow reads them.

    pip install pyarrow==26.0.1 && python tests/goldens/make_parquet.py

writes tests/goldens/parquet/{rows.parquet,rows.jsonl}. Dates stand in the rows as their text.
"""
import datetime
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent / "parquet"

answers = pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int32()))])
schema = pa.schema([
    ("sentence", pa.string()), ("long", pa.large_string()), ("label", pa.int64()), ("small", pa.int8()),
    ("half", pa.float32()), ("score", pa.float64()), ("right", pa.bool_()), ("answers", answers),
    ("tokens", pa.list_(pa.string())), ("kind", pa.dictionary(pa.int32(), pa.string())), ("day", pa.date32()),
])
rows = [
    {"sentence": "caf\u00e9\n\"x\"", "long": "l", "label": 1, "small": -3, "half": 0.5, "score": 3.8, "right": True,
     "answers": {"text": ["a", "b"], "answer_start": [0, 7]}, "tokens": ["t", "u"], "kind": "odd",
     "day": datetime.date(2020, 1, 2)},
    {"sentence": "", "long": "", "label": -2**62, "small": 127, "half": -0.25, "score": 1e-300, "right": False,
     "answers": {"text": [], "answer_start": []}, "tokens": [], "kind": "even", "day": datetime.date(1999, 12, 31)},
    {name: None for name in schema.names},
    {"sentence": "d", "long": "m", "label": 0, "small": 0, "half": 2.0, "score": 2.5, "right": True, "answers": None,
     "tokens": [None, "v"], "kind": "odd", "day": None},
]

FOLDER.mkdir(exist_ok=True)
pq.write_table(pa.Table.from_pylist(rows, schema), FOLDER / "rows.parquet", row_group_size=3, compression="snappy")
with open(FOLDER / "rows.jsonl", "w") as out:
    for row in pq.read_table(FOLDER / "rows.parquet").to_pylist():
        out.write(json.dumps(row, default=str) + "\n")
