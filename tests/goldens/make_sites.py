#!/usr/bin/env python3
"""Methods that attach inside the backbone, worked out apart from atp: tests/goldens/sites/.

LoRA, IA3, prefix tuning and prompt tuning are PEFT's own, over transformers' T5 (a tiny random one, float64, no
dropout). BitFit is nn.Linear's own bias and one added behind each layer norm; adapters are forward hooks. All trained
values are random and away from their start.

  tools/setup --peers && .venv-peers/bin/python tests/goldens/make_sites.py       (torch, transformers 5, peft, safetensors)

Writes checkpoint/ (a Hub folder) and golden.safetensors: ids [B, l] and lengths [B], labels [B, u] and label_lengths
[B], and for each METHOD
  METHOD/losses [B]            cross-entropy summed over each row's target tokens
  METHOD/generated [B, 6]      greedy ids, worked out by whole forward passes; 0 behind </s>
  METHOD/value/NAME            trained values, by atp's names and shapes
  METHOD/gradient/NAME         of the sum of the losses
"""
import pathlib

import torch
from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5 import modeling_t5

OUT = pathlib.Path(__file__).parent / "sites"
LAYERS, WIDTH, VOCABULARY = 3, 16, 40


def layer_norm_in_full_precision(self, states):  # transformers' own goes through float32
    return self.weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


modeling_t5.T5LayerNorm.forward = layer_norm_in_full_precision


def make_checkpoint():
    torch.manual_seed(1)
    model = T5ForConditionalGeneration(T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=8, d_ff=24, num_layers=LAYERS, num_heads=2, dropout_rate=0.0,
        relative_attention_num_buckets=8, relative_attention_max_distance=20, feed_forward_proj="relu",
        tie_word_embeddings=True, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(0, 0.4 if weight.dim() > 1 else 0.1)
            if "layer_norm" in name:
                weight.add_(1)
    model.save_pretrained(OUT / "checkpoint", safe_serialization=True)
    (OUT / "checkpoint" / "generation_config.json").unlink(missing_ok=True)


def pad(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows]), torch.tensor([len(row) for row in rows])


def logits_of(model, decoder_ids):
    mask = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).long()
    return model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids).logits


def losses_of(model):
    logits = logits_of(model, torch.cat([torch.zeros_like(labels[:, :1]), labels[:, :-1]], 1))
    chosen = torch.log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return -(chosen * (torch.arange(labels.shape[1]) < label_lengths.unsqueeze(1))).sum(1)


def generate(model, most=6):
    decoder_ids = torch.zeros(len(ids), 1, dtype=torch.long)
    for _ in range(most):
        decoder_ids = torch.cat([decoder_ids, logits_of(model, decoder_ids)[:, -1:].argmax(-1)], 1)
    generated = decoder_ids[:, 1:]
    ended = (generated == 1).int().cumsum(1) > 0
    return generated.masked_fill(ended, 0)


def fresh():
    model = T5ForConditionalGeneration.from_pretrained(OUT / "checkpoint", dtype=torch.float64).eval()
    return model.requires_grad_(False)


def peft(config):
    model = get_peft_model(fresh(), config).double().eval()
    return model, {name: value for name, value in model.named_parameters() if value.requires_grad}


def module_of(name, marker):  # "base_model.model.encoder….q.lora_A.default.weight" → "encoder….q"
    return name.removeprefix("base_model.model.").split(marker)[0]


def lora():
    model, trained = peft(LoraConfig(r=3, lora_alpha=6, target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM"))
    return model, {f"{module_of(name, '.lora_')}.lora_{'A' if 'lora_A' in name else 'B'}": (value, value.shape)
                   for name, value in trained.items()}


def ia3():
    model, trained = peft(IA3Config(target_modules=["k", "v", "wo"], feedforward_modules=["wo"],
                                    task_type="SEQ_2_SEQ_LM"))
    return model, {module_of(name, ".ia3_l") + ".ia3": (value, [value.numel()]) for name, value in trained.items()}


def prefix_tuning():
    model, trained = peft(PrefixTuningConfig(num_virtual_tokens=4, task_type="SEQ_2_SEQ_LM"))
    (value,) = trained.values()
    return model, {"prefix": (value, [4, 2 * LAYERS, WIDTH])}


def prompt_tuning():
    model, trained = peft(PromptTuningConfig(num_virtual_tokens=5, num_transformer_submodules=1,
                                             task_type="SEQ_2_SEQ_LM"))
    (value,) = trained.values()
    return model, {"prompt": (value, [5, WIDTH])}


def added(size):
    return torch.nn.Parameter(torch.zeros(size, dtype=torch.float64))


def bitfit():
    model, trained = fresh(), {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.bias = added(module.out_features)
            trained[name + ".bias"] = (module.bias, module.bias.shape)
        elif isinstance(module, modeling_t5.T5LayerNorm):
            bias = added(WIDTH)
            module.register_forward_hook(lambda _module, _inputs, output, bias=bias: output + bias)
            trained[name + ".bias"] = (bias, bias.shape)
    return model, trained


def adapter(bottom=0):
    model, trained, narrow = fresh(), {}, WIDTH // 4
    for name, module in model.named_modules():
        if isinstance(module, modeling_t5.T5LayerNorm):
            trained[name + ".weight"] = (module.weight.requires_grad_(True), module.weight.shape)
        if not name.endswith((".SelfAttention", ".DenseReluDense")) or int(name.split(".")[2]) < bottom:
            continue
        down, up = torch.nn.Linear(WIDTH, narrow).double(), torch.nn.Linear(narrow, WIDTH).double()

        def hook(_module, _inputs, output, down=down, up=up):
            states = output[0] if isinstance(output, tuple) else output
            changed = states + up(torch.nn.functional.gelu(down(states), approximate="tanh"))
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        module.register_forward_hook(hook)
        for part, layer in (("down", down), ("up", up)):
            for kind, value in layer.named_parameters():
                trained[f"{name.rsplit('.', 1)[0]}.adapter.{part}.{kind}"] = (value, [1, *value.shape])
    return model, trained


METHODS = {"lora": lora, "ia3": ia3, "prefix_tuning": prefix_tuning, "prompt_tuning": prompt_tuning, "bitfit": bitfit,
           "adapter": adapter, "adapter_drop": lambda: adapter(bottom=2)}

OUT.mkdir(exist_ok=True)
make_checkpoint()
stream = torch.Generator().manual_seed(2)


def some_ids(length):
    return torch.randint(3, VOCABULARY, (length,), generator=stream).tolist() + [1]


ids, lengths = pad([some_ids(n) for n in (8, 3, 1, 11)])
labels, label_lengths = pad([some_ids(n) for n in (4, 1, 2, 3)])
tensors = {"ids": ids, "lengths": lengths, "labels": labels, "label_lengths": label_lengths}
for method, make in METHODS.items():
    model, trained = make()
    with torch.no_grad():
        for name, (value, _) in trained.items():
            value.add_(torch.randn(value.shape, generator=stream, dtype=torch.float64) * 0.3)
    losses = losses_of(model)
    losses.sum().backward()
    tensors[f"{method}/losses"] = losses.detach()
    with torch.no_grad():
        tensors[f"{method}/generated"] = generate(model)
    for name, (value, shape) in trained.items():
        tensors[f"{method}/value/{name}"] = value.detach().reshape(shape)
        tensors[f"{method}/gradient/{name}"] = value.grad.reshape(shape)
    print(method, sum(value.numel() for value, _ in trained.values()), [round(x, 4) for x in losses.tolist()],
          tensors[f"{method}/generated"].tolist())
save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, OUT / "golden.safetensors")
