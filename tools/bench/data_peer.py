"""The peer's arm of tools/bench/data: the same rows, read by `datasets` and tokenised by a fast tokenizer on all cores.

    python tools/bench/data_peer.py FILE CACHE TOKENIZER LENGTH

FILE is MRQA's SQuAD.jsonl.gz, TOKENIZER T5's tokenizer.json. Prints what bench-data prints.
"""
import json
import os
import re
import resource
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import datasets
from transformers import PreTrainedTokenizerFast

datasets.disable_progress_bars()


def used():
    return sum(part for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for part in resource.getrusage(who)[:2])


def peak():  # of the largest process; a child counts what it shares with its parent, so a sum would be too much
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * 1024


def plain(text):  # T5's rule for question answering: punctuation stands alone
    return " ".join(re.sub(r"([^\w\s])", r" \1 ", text).split())


def examples(batch):
    sources, targets = [], []
    for context, questions in zip(batch["context"], batch["qas"]):
        for question in questions or []:
            sources.append(f"squad question: {plain(question['question'])} context: {plain(context)}")
            targets.append(plain(question["answers"][0]))
    return {"source": sources, "target": targets}


def main(file, cache, tokenizer, length):
    began, cpu = time.perf_counter(), used()
    fast = PreTrainedTokenizerFast(tokenizer_file=tokenizer, eos_token="</s>")
    rows = datasets.load_dataset("json", data_files=file, split="train", cache_dir=cache)
    rows = rows.map(examples, batched=True, remove_columns=rows.column_names)

    def ids(batch):
        sources = fast(batch["source"], truncation=True, max_length=int(length), return_attention_mask=False)
        targets = fast(batch["target"], truncation=True, max_length=32, return_attention_mask=False)
        return {"source_ids": sources["input_ids"], "target_ids": targets["input_ids"]}

    rows = rows.map(ids, batched=True)
    count = sum(len(column) for name in ("source_ids", "target_ids")
                for chunk in rows.data.column(name).chunks for column in [chunk.flatten()])
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": used() - cpu, "rows": len(rows), "ids": count,
                      "peak_bytes": peak()}))


main(*sys.argv[1:])
