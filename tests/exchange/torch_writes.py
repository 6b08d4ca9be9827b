#!/usr/bin/env python3
"""Writes adapters as the codes of DePT and T-Few do, converts them to results, and compares the texts that atp predict
gives, and the losses of an evaluate step, with those of transformers and a few lines that say each paper's formula.

torch_writes.py SOURCE_FOLDER BUILD_FOLDER; peers.py says the rest.
"""

import json
import math
import pathlib
import sys
import tempfile

import peers  # first: it brings what follows
import torch

LENGTH, RANK, ALPHA, LONGEST = 5, 4, 6, 15  # LONGEST: places of the text that are updated, fewer than some texts have
ROWS = 40


def write_dept(folder, width):
    config = {"peft_type": "PROMPT_TUNING_LORA", "task_type": "SEQ_2_SEQ_LM", "num_transformer_submodules": 1,
              "num_virtual_tokens": LENGTH, "token_dim": width, "r": RANK, "lora_alpha": ALPHA, "max_length": LONGEST,
              "prompt_tuning_init": "TEXT", "bias": "none"}
    tensors = {"prompt_embeddings": torch.randn(LENGTH, width),
               "prompt_encoder.lora_embedding_A": torch.randn(LONGEST, RANK) / 6,
               "prompt_encoder.lora_embedding_B": torch.randn(RANK, width)}
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(config))
    torch.save(tensors, folder / "adapter_model.bin")
    return tensors


def dept_inputs(model, rows, tensors):
    """[P ; X + s · A B], s = alpha / √r, for the first places of a text."""
    prompt, a, b = tensors.values()
    text = model.get_input_embeddings()(rows.ids).detach().clone()
    updated = min(text.shape[1], LONGEST)
    text[:, :updated] += (a @ b * ALPHA / math.sqrt(RANK))[:updated]
    prompts = prompt.expand(rows.count, -1, -1)
    mask = torch.cat([torch.ones(rows.count, LENGTH, dtype=torch.long), rows.mask], 1)
    return {"inputs_embeds": torch.cat([prompts, text], 1), "attention_mask": mask}


def write_tfew(path, model):
    """A scaling of what comes out of keys, values and wi_1; attaches them to the model, too."""
    tensors = {}
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] not in ("k", "v", "wi_1"):
            continue
        scale = tensors[name + ".multi_lora_b"] = 1 + torch.randn(module.out_features, 1)
        module.register_forward_hook(lambda module, inputs, output, scale=scale: output * scale.flatten())
    torch.save(tensors, path)


def compare_texts(name, rows, theirs, ours, untouched):
    rows.compare_texts(name, theirs, ours)
    changed = sum(map(str.__ne__, theirs, untouched))
    if min(len(set(theirs)), changed) < rows.count / 2:
        sys.exit(f"{name}: the texts are too much alike to tell a mistake: {len(set(theirs))}, {changed} of them changed")
    print(f"{name}: {rows.count} texts are equal, {len(set(theirs))} of them different")


def compare_losses(name, rows, theirs, untouched, files, folder):
    """Of FOLDER/NAME, the result that was made of `files`."""
    rows.require_effect(name, theirs, untouched)
    steps = peers.scoring_steps(name, files, folder / name, ROWS)
    results = peers.run_recipe(folder, "scores", peers.SCORING + steps, folder / "t5")
    worst = rows.compare_losses(name, theirs, [row["loss"] for row in peers.scored(results, name)])
    print(f"{name}: {ROWS} losses are equal; the largest relative difference is {worst:.1e}")


def check_dept(folder):
    checkpoint = folder / "t5"
    peers.write_checkpoint(checkpoint)
    rows, model = peers.Rows(checkpoint, ROWS), peers.backbone(checkpoint)
    lengths = rows.mask.sum(1)
    if not lengths.max() > LONGEST > lengths.min():
        sys.exit("LONGEST is to lie between the lengths of the texts")
    tensors = write_dept(folder / "files", model.config.d_model)
    peers.adopt(folder / "files", folder / "dept", checkpoint)
    inputs = dept_inputs(model, rows, tensors)
    compare_texts("dept", rows, rows.texts(model, **inputs), peers.predicted(folder / "dept", ROWS), rows.texts(model))
    compare_losses("dept", rows, rows.losses(model, **inputs), rows.losses(model), folder / "files", folder)


def check_tfew(folder):
    checkpoint, files = folder / "t5", folder / "finish.pt"
    peers.write_checkpoint(checkpoint, feed_forward_proj="gated-gelu")
    rows, model = peers.Rows(checkpoint, ROWS), peers.backbone(checkpoint)
    untouched, untouched_texts = rows.losses(model), rows.texts(model)
    write_tfew(files, model)
    peers.adopt(files, folder / "tfew", checkpoint)
    compare_texts("tfew", rows, rows.texts(model), peers.predicted(folder / "tfew", ROWS), untouched_texts)
    compare_losses("tfew", rows, rows.losses(model), untouched, files, folder)


def main(folder):
    torch.manual_seed(2)
    for check in (check_dept, check_tfew):
        (folder / check.__name__).mkdir()
        check(folder / check.__name__)


with tempfile.TemporaryDirectory() as scratch:
    main(pathlib.Path(scratch))
