"""What the tests of exchange share: a small T5, rows of the toy task as atp tokenises them, and what a model of
transformers makes of them. A test is called with the folders of source and build, ends with status 77 where peft is not
installed, and runs itself again with the peers' Python (.venv-peers) where there is one.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

source, build = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
peers = source / ".venv-peers/bin/python"
if peers.exists() and pathlib.Path(sys.prefix).resolve() != (source / ".venv-peers").resolve():
    os.execv(peers, [str(peers), *sys.argv])
try:
    import peft  # noqa: F401
    import sentencepiece
    import torch
    import transformers
except ImportError as error:
    print(f"skipped: {error}; tools/setup --peers brings it")
    sys.exit(77)

TOLERANCE = 1e-5  # of losses, in float32


def run(*words):
    ended = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: status {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def atp(*words):
    return run(build / "bin/atp", *words)


def require_refused(expected, *words):
    ended = subprocess.run([build / "bin/atp", *map(str, words)], capture_output=True, text=True, check=False)
    if ended.returncode != 2 or expected not in ended.stderr:
        sys.exit(f"{' '.join(map(str, words))}: status {ended.returncode}, without '{expected}'\n{ended.stderr}")


def run_recipe(folder, name, text, checkpoint):
    """Runs a recipe for a CHECKPOINT; gives the folder of its results."""
    (folder / f"{name}.yaml").write_text(text.replace("CHECKPOINT", str(checkpoint)))
    words = ["--out", folder / "out", "--device", "cpu", "--threads", 1, "--quiet"]
    run(build / "bin/atp-run", folder / f"{name}.yaml", *words)
    return folder / "out" / name


# An evaluation of results that `adopt` has made. Their values are those of the files: a warm-up begins with rate 0.
SCORING = """
backbone: {name: t5, checkpoint: CHECKPOINT}
train: {updates: 1, dropout: 0}
steps:
"""


def adopt(files, result, checkpoint):
    atp("convert", files, result, "--to", "result", "--task", "toy", "--checkpoint", checkpoint)


def scoring_steps(name, files, result, count):
    """Steps of SCORING; the method's options are those that the files say."""
    said = json.loads(atp("convert", files, "--json"))
    method = json.dumps({"name": said["method"], "options": said["options"]})
    start = f"{{file: {result}/checkpoint/tensors.safetensors}}"
    return (f"  {name}: {{train: {{task: toy, method: {method}, start_from: {start}}}}}\n"
            f"  {name}_scores: {{evaluate: {{of: {name}, split: validation, limit: {count}}}}}\n")


def scored(results, name):
    return lines_of(results / f"{name}_scores" / "predictions.jsonl")


def predicted(result, count):
    file = result.with_suffix(".jsonl")
    words = ["--split", "validation", "--json", "--device", "cpu", "--threads", 1, "--quiet", "--out", file]
    atp("predict", result, *words)
    return [row["prediction"] for row in lines_of(file)[:count]]


def write_checkpoint(folder, **sizes):
    torch.manual_seed(0)
    tokenizer = source / "core/share/tokenizer/spiece.model"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).get_piece_size()
    config = transformers.T5Config(
        vocab_size=pieces, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0, **sizes,
    )
    model = transformers.T5ForConditionalGeneration(config)
    with torch.no_grad():  # random attentions say little; with these, most inputs have an answer of their own
        for name, weight in model.named_parameters():
            weight *= 4 if "EncDecAttention" in name else 1
    model.save_pretrained(folder)
    shutil.copy(tokenizer, folder / "spiece.model")


def backbone(folder):
    return transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def lines_of(file):
    return [json.loads(line) for line in pathlib.Path(file).read_text().splitlines()]


class Rows:
    """The first rows of the toy task's validation split."""

    def __init__(self, checkpoint, count=12):
        tokenizer = checkpoint / "spiece.model"
        words = ["--split", "validation", "--tokens", "--json", "--tokenizer", tokenizer]
        rows = [json.loads(atp("show", "toy", "--index", index, *words)) for index in range(count)]
        self.count = count
        self.ids, self.mask = padded([row["source_tokens"] for row in rows])
        targets, self.target_mask = padded([row["target_tokens"] for row in rows])
        self.labels = targets.masked_fill(self.target_mask == 0, -100)
        self.longest = max(len(row["target_tokens"]) for row in rows)
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))

    def inputs(self):
        return {"input_ids": self.ids, "attention_mask": self.mask}

    def losses(self, model, **inputs):
        with torch.no_grad():
            logits = model(**(inputs or self.inputs()), labels=self.labels).logits
        losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), self.labels.flatten(), reduction="none")
        return (losses.view(self.labels.shape).sum(1) / self.target_mask.sum(1)).tolist()

    def texts(self, model, **inputs):
        with torch.no_grad():
            generated = model.generate(
                **(inputs or self.inputs()), max_new_tokens=self.longest, num_beams=1, do_sample=False
            )
        rows = [tokens[1:] for tokens in generated.tolist()]  # without the decoder's start
        return [self.pieces.decode(tokens[: tokens.index(1)] if 1 in tokens else tokens) for tokens in rows]

    def compare_losses(self, name, theirs, ours):
        """The largest difference, of losses above 1 relative; ends the test where one is too large."""
        differences = [abs(one - other) / max(1.0, abs(other)) for one, other in zip(theirs, ours, strict=True)]
        worst = max(range(len(differences)), key=differences.__getitem__)
        if not differences[worst] <= TOLERANCE:
            sys.exit(f"{name}, row {worst}: the peer's loss {theirs[worst]}, atp's {ours[worst]}")
        return differences[worst]

    def compare_texts(self, name, theirs, ours):
        for row, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            if one != other:
                sys.exit(f"{name}, row {row}: the peer generates '{one}', atp '{other}'")

    def require_effect(self, name, losses, untouched):
        """What changes nothing would be read rightly by anyone."""
        changed = sum(abs(one - other) > 1e-2 for one, other in zip(losses, untouched, strict=True))
        if changed < self.count / 2:
            sys.exit(f"{name}: only {changed} of {self.count} losses are others than those of the untouched backbone")
