#!/usr/bin/env python3
"""Trains here, converts to PEFT's folders, loads them with PEFT, and compares losses and generated texts.

peft_loads.py SOURCE_FOLDER BUILD_FOLDER; status 77 where peft is not installed. It runs itself again with the peers'
Python (.venv-peers) where there is one.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

source, build = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
peers = source / ".venv-peers/bin/python"
if peers.exists() and pathlib.Path(sys.prefix).resolve() != (source / ".venv-peers").resolve():
    os.execv(peers, [str(peers), *sys.argv])
try:
    import peft
    import sentencepiece
    import torch
    import transformers
except ImportError as error:
    print(f"skipped: {error}; tools/setup --peers brings it")
    sys.exit(77)

METHODS = {
    "prompt": "{method: prompt_tuning, prompt_length: 5, learning_rate: 0.3}",
    "lora": "{method: lora, rank: 3, alpha: 7, learning_rate: 0.05}",
    "ia3": "{method: ia3, learning_rate: 0.05}",
    "prefix": "{method: prefix_tuning, prefix_length: 4, learning_rate: 0.3}",
    "mpt": "{method: mpt, prompt_length: 5, rank: 2, learning_rate: 0.3}",
}
RECIPE = """
backbone: {name: t5, checkpoint: CHECKPOINT}
train: {warmup_updates: 0, updates: 6, batch_size: 8, dropout: 0, evaluate_every: 6}
steps:
"""


def run(*words):
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: status {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def checkpoint(folder):
    torch.manual_seed(0)
    tokenizer = source / "core/share/tokenizer/spiece.model"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).get_piece_size()
    config = transformers.T5Config(
        vocab_size=pieces, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    shutil.copy(tokenizer, folder / "spiece.model")


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def main(folder):
    checkpoint(folder / "t5")
    steps = "".join(f"  {name}: {{train: {{task: toy, {said[1:-1]}}}}}\n" for name, said in METHODS.items())
    (folder / "r.yaml").write_text(RECIPE.replace("CHECKPOINT", str(folder / "t5")) + steps)
    run(build / "bin/atp-run", folder / "r.yaml", "--out", folder / "out", "--device", "cpu", "--threads", 1, "--quiet")
    rows = []
    for index in range(12):
        words = ["--split", "validation", "--index", index, "--tokens", "--json", "--tokenizer", folder / "t5/spiece.model"]
        rows.append(json.loads(run(build / "bin/atp", "show", "toy", *words)))
    ids, mask = padded([row["source_tokens"] for row in rows])
    targets, target_mask = padded([row["target_tokens"] for row in rows])
    labels = targets.masked_fill(target_mask == 0, -100)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "t5/spiece.model"))
    worst = 0.0
    for name in METHODS:
        result = folder / "out/r" / name
        run(build / "bin/atp", "convert", result, folder / f"{name}.peft", "--to", "peft")
        expected = [json.loads(line) for line in (result / "predictions.jsonl").read_text().splitlines()[: len(rows)]]
        base = transformers.T5ForConditionalGeneration.from_pretrained(folder / "t5")
        model = peft.PeftModel.from_pretrained(base, folder / f"{name}.peft").eval()
        extra = {"task_ids": torch.zeros(len(rows), dtype=torch.long)} if name == "mpt" else {}
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=mask, labels=labels, **extra).logits
            losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
            losses = losses.view(labels.shape).sum(1) / target_mask.sum(1)
        for row, loss in zip(expected, losses.tolist()):
            difference = abs(loss - row["loss"]) / max(1.0, abs(row["loss"]))
            worst = max(worst, difference)
            if difference > 1e-5:
                sys.exit(f"{name}, row {row['index']}: PEFT's loss {loss}, atp's {row['loss']}")
        longest = max(map(len, (row["target_tokens"] for row in rows)))
        with torch.no_grad():
            generated = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=longest, num_beams=1, do_sample=False, **extra
            )
        for row, tokens in zip(expected, generated.tolist()):
            tokens = tokens[1:]  # the decoder's start
            text = pieces.decode(tokens[: tokens.index(1)] if 1 in tokens else tokens)
            if text != row["prediction"]:
                sys.exit(f"{name}, row {row['index']}: PEFT generates '{text}', atp '{row['prediction']}'")
        print(f"{name}: {len(rows)} losses and texts are equal")
    print(f"the largest relative difference is {worst:.1e}")


with tempfile.TemporaryDirectory() as scratch:
    main(pathlib.Path(scratch))
