#!/usr/bin/env python3
"""Ten updates of each training method, worked out apart from atp: tests/goldens/training/.

The backbone is transformers' T5 (a tiny random one, in float64, no dropout); the methods are written here from the
paper's formulas (sections 3.1 to 3.3, 5.3), AdamW as transformers 4.6 had it, the schedule, the clip and the loss
(mean over all target tokens of an update). Batches are taken in the order of the file.

  pip install torch transformers safetensors
  python tests/goldens/make_training.py

Writes checkpoint/ (a Hub folder), training.json (settings, rows, losses and gradient norms of each case) and
training.safetensors (CASE/start/NAME, CASE/final/NAME, source_prompts).
"""

import json
import math
import pathlib

import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5 import modeling_t5

OUT = pathlib.Path(__file__).parent / "training"
WIDTH, VOCABULARY, LENGTH, SOURCES = 16, 64, 5, 3
UPDATES = 10


def layer_norm_in_full_precision(self, states):  # transformers' own goes through float32
    return self.weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


modeling_t5.T5LayerNorm.forward = layer_norm_in_full_precision


def make_checkpoint():
    torch.manual_seed(1)
    config = T5Config(vocab_size=VOCABULARY, d_model=WIDTH, d_kv=6, d_ff=24, num_layers=2, num_decoder_layers=1,
                      num_heads=2, dropout_rate=0.0, relative_attention_num_buckets=8,
                      relative_attention_max_distance=20, feed_forward_proj="relu", tie_word_embeddings=True,
                      decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.4 if weight.dim() > 1 else 0.1)
            if "layer_norm" in name:
                weight.add_(1)
    model.save_pretrained(OUT / "checkpoint", safe_serialization=True)
    (OUT / "checkpoint" / "generation_config.json").unlink(missing_ok=True)


def make_rows(count, generator):
    def ids(low, high):
        length = int(torch.randint(low, high, (1,), generator=generator))
        return torch.randint(3, VOCABULARY, (length,), generator=generator).tolist() + [1]
    return [{"source": ids(1, 12), "target": ids(1, 4)} for _ in range(count)]


def pad(rows):
    length = max(map(len, rows))
    return torch.tensor([row + [0] * (length - len(row)) for row in rows]), torch.tensor([len(row) for row in rows])


def first_maximum(values):  # over the tokens; the gradient goes to the first of equal ones
    place = values.max(-2, keepdim=True).values.eq(values).to(torch.int8).argmax(-2, keepdim=True)
    return torch.gather(values, -2, place).squeeze(-2)


class PromptTuning:
    def __init__(self, case, generator):
        self.trained = {"prompt": torch.randn(LENGTH, WIDTH, generator=generator, dtype=torch.float64)}
        self.groups = {"prompt": "prompt"}

    def prompt(self, text, lengths, tasks):
        return self.trained["prompt"].expand(len(text), -1, -1)


class Attempt:
    def __init__(self, case, generator):
        def draw(*shape, scale=1.0):
            return torch.randn(*shape, generator=generator, dtype=torch.float64) * scale
        self.case, self.trained = case, {}
        if case["target_prompt"] != "none":
            self.trained["prompt"] = draw(len(case["tasks"]), LENGTH, WIDTH)
        if case["combiner"] == "attempt":
            rank = case["rank"]
            self.trained |= {"attention.down.weight": draw(rank, WIDTH, scale=0.3),
                             "attention.up.weight": draw(WIDTH, rank, scale=0.3),
                             "attention.norm.weight": 1 + draw(WIDTH, scale=0.1),
                             "attention.norm.bias": draw(WIDTH, scale=0.1)}
        self.groups = {name: name.split(".")[0] for name in self.trained}

    def prompt(self, text, lengths, tasks):
        target = self.trained["prompt"][tasks] if "prompt" in self.trained else None  # [B, m, d]
        if self.case["combiner"] == "no_attention":
            mixed = source_prompts.mean(0).expand(len(text), -1, -1)
            return mixed if target is None else mixed + target
        pooled = torch.stack([row[:n].max(0).values for row, n in zip(text, lengths)])  # the text's own tokens
        hidden = torch.nn.functional.silu(pooled @ self.trained["attention.down.weight"].T)
        raised = hidden @ self.trained["attention.up.weight"].T
        centred = raised - raised.mean(-1, keepdim=True)
        query = centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5)
        query = query * self.trained["attention.norm.weight"] + self.trained["attention.norm.bias"]
        prompts = source_prompts.expand(len(text), -1, -1, -1)
        if target is not None:
            prompts = torch.cat([prompts, target.unsqueeze(1)], 1)  # the target is inside the sum too
        temperature = self.case.get("temperature") or WIDTH * math.e
        scores = torch.einsum("bjd,bd->bj", first_maximum(prompts), query) / temperature
        exponents = torch.exp(scores)
        weights = exponents / exponents.sum(1, keepdim=True)
        instance = torch.einsum("bj,bjmd->bmd", weights, prompts)
        return instance if target is None else instance + target


class FineTuning:
    def __init__(self, case, generator):
        self.trained = dict(model.named_parameters())
        self.groups = {name: "weights" for name in self.trained}

    def prompt(self, text, lengths, tasks):
        return text[:, :0]


METHODS = {"prompt_tuning": PromptTuning, "attempt": Attempt, "fine_tuning": FineTuning}


def summed_loss(method, examples):
    ids, lengths = pad([row["source"] for _, row in examples])
    labels, label_lengths = pad([row["target"] for _, row in examples])
    text = model.shared(ids)
    prompt = method.prompt(text, lengths, torch.tensor([task for task, _ in examples]))
    whole = torch.cat([prompt, text], 1)
    mask = torch.arange(whole.shape[1]) < (lengths + prompt.shape[1]).unsqueeze(1)
    decoder_ids = torch.cat([torch.zeros_like(labels[:, :1]), labels[:, :-1]], 1)
    logits = model(inputs_embeds=whole, attention_mask=mask.long(), decoder_input_ids=decoder_ids).logits
    chosen = torch.log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return -(chosen * (torch.arange(labels.shape[1]) < label_lengths.unsqueeze(1))).sum(), int(label_lengths.sum())


def train(case):
    global model
    model = T5ForConditionalGeneration.from_pretrained(OUT / "checkpoint", dtype=torch.float64).eval()
    model.requires_grad_(case["method"] == "fine_tuning")
    method = METHODS[case["method"]](case, torch.Generator().manual_seed(case["seed"]))
    trained = {name: value.requires_grad_(True) for name, value in method.trained.items()}
    start = {name: value.detach().clone() for name, value in trained.items()}
    first = {name: torch.zeros_like(value) for name, value in trained.items()}
    second = {name: torch.zeros_like(value) for name, value in trained.items()}
    examples = [(task, row) for task, name in enumerate(case["tasks"]) for row in rows[name]]
    batches = [examples[i:i + case["batch_size"]] for i in range(0, len(examples), case["batch_size"])]
    losses, norms = [], []
    for update in range(UPDATES):
        summed, tokens = summed_loss(method, batches[update % len(batches)])
        loss = summed / tokens
        gradients = dict(zip(trained, torch.autograd.grad(loss, list(trained.values()))))
        norm = torch.sqrt(sum(g.pow(2).sum() for g in gradients.values()))
        scale = min(1.0, float(case["clip"] / (norm + 1e-6)))
        warmup = case["warmup_updates"]
        factor = update / warmup if update < warmup else (UPDATES - update) / (UPDATES - warmup)
        with torch.no_grad():
            for name, value in trained.items():
                rate = case["learning_rates"].get(method.groups[name], case["learning_rate"]) * factor
                gradient, t = gradients[name] * scale, update + 1
                first[name] = 0.9 * first[name] + 0.1 * gradient
                second[name] = 0.999 * second[name] + 0.001 * gradient ** 2
                size = rate * math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
                value -= size * first[name] / (second[name].sqrt() + 1e-8)
                if value.dim() > 1:  # layer norms and biases do not decay
                    value -= rate * case["weight_decay"] * value
        losses.append(loss.item())
        norms.append(norm.item())
    for name, value in trained.items():
        tensors[f"{case['name']}/final/{name}"] = value.detach().clone()
        if case["method"] != "fine_tuning":  # there the checkpoint is the start
            tensors[f"{case['name']}/start/{name}"] = start[name]
    case["losses"], case["gradient_norms"] = losses, norms


def case(name, method, **changes):
    return {"name": name, "method": method, "combiner": "attempt", "target_prompt": "trained", "rank": 4,
            "tasks": ["one"], "seed": len(name), "batch_size": 5, "accumulation": 1, "learning_rate": 0.3,
            "learning_rates": {}, "weight_decay": 0.01, "warmup_updates": 2, "clip": 1.0, **changes}


OUT.mkdir(exist_ok=True)
make_checkpoint()
stream = torch.Generator().manual_seed(2)
rows = {"one": make_rows(12, stream), "two": make_rows(7, stream)}
source_prompts = torch.randn(SOURCES, LENGTH, WIDTH, generator=stream, dtype=torch.float64)
tensors = {"source_prompts": source_prompts}
cases = [
    case("fine_tuning", "fine_tuning", learning_rate=1e-2),
    case("prompt_tuning", "prompt_tuning", accumulation=2, batch_size=6),
    case("attempt", "attempt", learning_rates={"attention": 0.1}),
    case("attempt_without_target", "attempt", target_prompt="none", temperature=2.0, learning_rate=0.1),
    case("no_attention", "attempt", combiner="no_attention", clip=0.1),
    case("two_tasks", "attempt", tasks=["one", "two"], accumulation=3, learning_rates={"prompt": 0.2, "attention": 0.05}),
]
for one in cases:
    train(one)
save_file({name: tensor.to(torch.float32 if name.startswith("fine_tuning") else torch.float64).contiguous()
           for name, tensor in tensors.items()}, OUT / "training.safetensors")
(OUT / "training.json").write_text(json.dumps({"updates": UPDATES, "prompt_length": LENGTH, "rows": rows, "cases": cases}, indent=1))
for one in cases:
    print(one["name"], [round(x, 4) for x in one["losses"]], [round(x, 3) for x in one["gradient_norms"][:3]])
