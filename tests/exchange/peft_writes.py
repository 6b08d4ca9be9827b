#!/usr/bin/env python3
"""Trains with PEFT, converts its folders to results, and compares the losses that an evaluate step gives and the texts
that atp predict gives with PEFT's.

peft_writes.py SOURCE_FOLDER BUILD_FOLDER; peers.py says the rest.
"""

import pathlib
import tempfile

import peers  # first: it brings what follows
import peft
import torch

TYPE = {"task_type": "SEQ_2_SEQ_LM"}
PROMPT = {**TYPE, "num_virtual_tokens": 5, "num_transformer_submodules": 1}
ADAPTERS = {
    "prompt": peft.PromptTuningConfig(**PROMPT),
    "mpt": peft.MultitaskPromptTuningConfig(**PROMPT, num_ranks=2, num_tasks=2),
    "lora": peft.LoraConfig(**TYPE, r=3, lora_alpha=7, target_modules=["q", "v", "wo"]),
    "rslora": peft.LoraConfig(**TYPE, r=4, lora_alpha=3, target_modules=["k", "wi"], use_rslora=True),
    "pissa": peft.LoraConfig(**TYPE, r=3, lora_alpha=7, target_modules=["q", "v"], init_lora_weights="pissa"),
    "ia3": peft.IA3Config(**TYPE),
    "prefix": peft.PrefixTuningConfig(**TYPE, num_virtual_tokens=4),
}
TASK = 1  # of mpt's two


def train(model, rows, inputs):
    model.train()
    optimiser = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=0.1)
    for _ in range(4):
        optimiser.zero_grad()
        model(**inputs, labels=rows.labels).loss.backward()
        optimiser.step()
    return model.eval()


def save_before(model, path):
    """What a conversion to a plain adapter subtracts; PEFT reads it as one that is plain already."""
    config = model.peft_config["default"]
    initial, config.init_lora_weights = config.init_lora_weights, True
    model.save_pretrained(path)
    config.init_lora_weights = initial


def save(model, folder, name):
    files = folder / f"{name}.peft"
    if name != "pissa":
        model.save_pretrained(files)
        return
    model.save_pretrained(folder / "changed")
    peers.require_refused("'init_lora_weights' is \"pissa\"", "convert", folder / "changed")
    model.save_pretrained(files, path_initial_model_for_weight_conversion=folder / "before")


def one_task(folder, name):
    """The folder that holds one task's adapter."""
    files = folder / f"{name}.peft"
    if name != "mpt":
        return files
    peers.atp("convert", files, folder / "one.peft", "--to", "peft", "--part", TASK)
    return folder / "one.peft"


def main(folder):
    peers.write_checkpoint(folder / "t5")
    rows = peers.Rows(folder / "t5")
    untouched = rows.losses(peers.backbone(folder / "t5"))
    losses, texts, steps = {}, {}, ""
    for name, config in ADAPTERS.items():
        torch.manual_seed(1)
        inputs = rows.inputs()
        if name == "mpt":
            inputs["task_ids"] = torch.full([rows.count], TASK)
        model = peft.get_peft_model(peers.backbone(folder / "t5"), config)
        if name == "pissa":
            save_before(model, folder / "before")
        train(model, rows, inputs)
        losses[name], texts[name] = rows.losses(model, **inputs), rows.texts(model, **inputs)
        rows.require_effect(name, losses[name], untouched)
        save(model, folder, name)
        files = one_task(folder, name)
        peers.adopt(files, folder / name, folder / "t5")
        steps += peers.scoring_steps(name, files, folder / name, rows.count)
    results = peers.run_recipe(folder, "scores", peers.SCORING + steps, folder / "t5")
    worst = 0.0
    for name in ADAPTERS:
        scored = peers.scored(results, name)
        worst = max(worst, rows.compare_losses(name, losses[name], [row["loss"] for row in scored]))
        rows.compare_texts(name, texts[name], [row["prediction"] for row in scored])
        rows.compare_texts(name, texts[name], peers.predicted(folder / name, rows.count))
        print(f"{name}: {rows.count} losses and texts are equal")
    print(f"the largest relative difference is {worst:.1e}")


with tempfile.TemporaryDirectory() as scratch:
    main(pathlib.Path(scratch))
