"""Token ids of T5's real tokenizer by transformers, and of atp's own by the sentencepiece package → tokenizer.json.

  ATP_SHARED=DIR python tests/goldens/tokenizer.py      (transformers 5.23, sentencepiece 0.2; DIR holds data/ and fixtures/)

Of the real sentences only file, column, line numbers and a hash of each one's ids are written.
"""
import json
import os
import pathlib

import sentencepiece
from transformers import T5Tokenizer

here = pathlib.Path(__file__).resolve().parent
shared = pathlib.Path(os.environ["ATP_SHARED"])
folder = shared / "fixtures/t5_tokenizer"
t5 = T5Tokenizer.from_pretrained(folder)
pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
own = sentencepiece.SentencePieceProcessor(model_file=str(here.parents[1] / "core/share/tokenizer/spiece.model"))

AWKWARD = [
    "", " ", "     ", "\t", "\n\n", " leading", "trailing ", "two  spaces", "a\tb\nc\r\nd", "a\u00a0b\u3000c\u2009d",
    "\U0001F600", "hi \U0001F468\u200d\U0001F469\u200d\U0001F467 there", "\u0001\u0002\u001b[0m\u007f", "nul\u0000byte",
    "ﬁne ＡＢＣ １２３ ½ ²", "e\u0301 é ñ ø İ ı ß", "日本語のテキスト", "Привет, мир", "مرحبا", "x\u200by\u200dz\ufeffw",
    "…“quoted” ‘single’ – —", "http://a.b/c?d=e&f=%20", "don't won't I'm", "ALL CAPS and MiXeD", "1234567890.123,456",
    "\u2581already\u2581a\u2581piece", "a" * 300, "word " * 50, "!?" * 40, "zq\U0001F680" * 20,
]
LONG = [("a", 10000), ("word ", 2000), ("the quick brown fox jumps over the lazy dog. ", 223), ("\U0001F600", 10000)]
# The same pieces in another order have the same score but for rounding, and SentencePiece adds up 32 bits, transformers 64.
TIES = ["ab" * 50, "_" * 50]
SPECIAL = ["</s>", "a </s> b", "<unk>", "<pad>", "<extra_id_0>", "fill <extra_id_0> in <extra_id_99>."]
FILES = [("data/glue/SST-2/train.tsv", 0, 600), ("data/glue/CoLA/train.tsv", 3, 400), ("data/glue/RTE/train.tsv", 1, 300),
         ("data/glue/MRPC/train.tsv", 3, 300), ("data/glue/QNLI/train.tsv", 1, 200), ("data/glue/QQP/train.tsv", 3, 200)]


def fnv(ids):  # FNV-1a, 64 bits, over the ids as four bytes each, low byte first
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def real(path, column, number):
    lines = (shared / path).read_bytes().decode("utf-8").rstrip("\n").split("\n")
    step = (len(lines) - 1) // number
    chosen = [1 + i * step for i in range(number)]  # from 1: a header, where there is one, is line 0
    ids = [t5(lines[i].rstrip("\r").split("\t")[column])["input_ids"] for i in chosen]
    return {"file": path, "column": column, "first": 1, "step": step, "hashes": "".join(map(fnv, ids))}


def main():
    awkward = []
    for text, times in [(text, 1) for text in AWKWARD] + LONG:
        ids = t5(text * times)["input_ids"]
        assert ids == pieces.encode(text * times) + [1], text
        awkward.append({"text": text, "times": times, "ids": ids if len(ids) < 400 else [], "hash": fnv(ids)})
    special = []
    for text in SPECIAL:  # transformers reads these words as special ids, atp (and SentencePiece) as characters
        assert t5(text)["input_ids"] != pieces.encode(text) + [1]
        special.append({"text": text, "ids": pieces.encode(text) + [1], "transformers": t5(text)["input_ids"]})
    ties = []
    for text in TIES:
        assert sorted(t5(text)["input_ids"]) == sorted(pieces.encode(text) + [1])
        ties.append({"text": text, "transformers": t5(text)["input_ids"]})
    decoded = []
    for ids in [[], [1], [0, 8, 1774, 1], [0, 32099, 8, 32000, 2, 1774, 1, 0, 0], t5("It's a test, isn't it?")["input_ids"]]:
        decoded.append({"ids": ids, "text": t5.decode(ids, skip_special_tokens=True)})
    small = [{"text": text, "ids": own.encode(text) + [1], "decoded": own.decode(own.encode(text))}
             for text in AWKWARD + SPECIAL if len(text) <= 100]
    golden = {"awkward": awkward, "special": special, "ties": ties, "decoded": decoded, "own": small, "real": [real(*f) for f in FILES]}
    (here / "tokenizer.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
