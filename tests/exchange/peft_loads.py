#!/usr/bin/env python3
"""Trains here, converts to PEFT's folders, loads them with PEFT, and compares losses and generated texts.

peft_loads.py SOURCE_FOLDER BUILD_FOLDER; peers.py says the rest.
"""

import json
import pathlib
import tempfile

import peers  # first: it brings what follows
import peft
import torch

METHODS = {
    "prompt": "{method: prompt_tuning, prompt_length: 5, learning_rate: 0.3}",
    "lora": "{method: lora, rank: 3, alpha: 7, learning_rate: 0.05}",
    "ia3": "{method: ia3, learning_rate: 0.05}",
    "prefix": "{method: prefix_tuning, prefix_length: 4, learning_rate: 0.3}",
    "mpt": "{method: mpt, prompt_length: 5, rank: 2, learning_rate: 0.3}",
}
MIXTURE = "  mixture: {train: {task: toy, method: attempt, prompt_length: 5, source_prompts: prompt, learning_rate: 0.3}}\n"
RECIPE = """
backbone: {name: t5, checkpoint: CHECKPOINT}
train: {warmup_updates: 0, updates: 6, batch_size: 8, dropout: 0, evaluate_every: 6}
steps:
"""


def main(folder):
    peers.write_checkpoint(folder / "t5")
    steps = "".join(f"  {name}: {{train: {{task: toy, {said[1:-1]}}}}}\n" for name, said in METHODS.items())
    results = peers.run_recipe(folder, "r", RECIPE + steps + MIXTURE, folder / "t5")
    rows = peers.Rows(folder / "t5")
    worst = 0.0
    for name in METHODS:
        peers.atp("convert", results / name, folder / f"{name}.peft", "--to", "peft")
        expected = peers.lines_of(results / name / "predictions.jsonl")[: rows.count]
        model = peft.PeftModel.from_pretrained(peers.backbone(folder / "t5"), folder / f"{name}.peft").eval()
        inputs = rows.inputs()
        if name == "mpt":
            inputs["task_ids"] = torch.zeros(rows.count, dtype=torch.long)
        worst = max(worst, rows.compare_losses(name, rows.losses(model, **inputs), [row["loss"] for row in expected]))
        rows.compare_texts(name, rows.texts(model, **inputs), [row["prediction"] for row in expected])
        print(f"{name}: {rows.count} losses and texts are equal")
    words = ["--to", "peft", f"--lossy={rows.count}", "--json", "--device", "cpu", "--threads", 1]
    said = json.loads(peers.atp("convert", results / "mixture", folder / "mean.peft", *words))
    model = peft.PeftModel.from_pretrained(peers.backbone(folder / "t5"), folder / "mean.peft").eval()
    losses = rows.losses(model)
    worst = max(worst, rows.compare_losses("mean", [sum(losses) / rows.count], [said["loss_of_mean"]]))
    print("mean of a mixture: PEFT's mean loss is the one that was said")
    print(f"the largest relative difference is {worst:.1e}")


with tempfile.TemporaryDirectory() as scratch:
    main(pathlib.Path(scratch))
