#!/usr/bin/env python3
"""Goldens of the T5 backbone: small random checkpoints in the Hub's layout and what transformers computes from them.

    python tests/goldens/make_t5.py        (torch, transformers 5, safetensors)

writes tests/goldens/t5/<shape>/{config.json, model.safetensors, golden.safetensors}. The shapes: `first` is T5 1.0 (relu,
head tied to the embedding), `second` is T5 1.1 (gated gelu, a head of its own), `unequal` has heads · d_kv ≠ d_model,
another depth in the decoder, other buckets and distances, and a config.json as old as T5's first.

golden.safetensors holds a padded batch and a long one (longer than the largest distance, and with rows of one token):
  {padded,long}.ids [B, l], .lengths [B], .labels [B, u], .label_lengths [B]
  {padded,long}.logits [B, u, V]     teacher-forced; rows behind a label's length are zero
  {padded,long}.losses [B]           cross-entropy summed over each row's target tokens
  {padded,long}.generated [B, g]     greedy ids, 0 behind a row's end
  {padded,long}.margins [B, g]       best logit minus second-best at each generated position
and `long` starts from embeddings with a prompt in front: long.prompt [p, d].
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

HERE = pathlib.Path(__file__).parent / "t5"

SHAPES = {
    "first": dict(vocab_size=97, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="relu",
                  tie_word_embeddings=True),
    "second": dict(vocab_size=97, d_model=32, d_kv=8, d_ff=40, num_layers=2, num_heads=4,
                   feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "unequal": dict(vocab_size=61, d_model=24, d_kv=10, d_ff=36, num_layers=1, num_decoder_layers=3, num_heads=3,
                    feed_forward_proj="relu", relative_attention_num_buckets=12, relative_attention_max_distance=20,
                    tie_word_embeddings=True),
}
# The head of T5 1.1 starts with deviation 1, which makes every other cross-entropy enormous.
HEAD_DEVIATION = 0.2


def make_model(options):
    torch.manual_seed(len(json.dumps(options)))
    config = T5Config(**options, dropout_rate=0.1, decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "layer_norm" in name:
                weight.add_(torch.randn_like(weight) * 0.2)
            if "relative_attention_bias" in name:
                weight.copy_(torch.randn_like(weight))
            if ".q." in name:  # sharp attention, so that a wrong mask or bias shows
                weight.mul_(2)
        if not options["tie_word_embeddings"]:
            model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) * HEAD_DEVIATION)
            model.lm_head.weight[1] *= 2  # </s> wins now and then
        else:  # small embeddings: else the head finds the last token again and repeats it
            model.shared.weight.mul_(0.1)
            model.shared.weight[1] *= 2
    assert config.scale_decoder_outputs == options["tie_word_embeddings"]
    return model


def save_checkpoint(folder, options, model):
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "dropout_rate": 0.1,
              "layer_norm_epsilon": 1e-6, "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, **options}
    if folder.name == "unequal":  # as old files: what has a default is left out
        for field in ("feed_forward_proj", "tie_word_embeddings", "layer_norm_epsilon", "architectures"):
            del config[field]
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tensors = {name: weight.detach().contiguous() for name, weight in model.named_parameters()}
    if folder.name == "first":  # a name that old checkpoints carry
        tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.zeros(32, 4)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def pad(rows):
    length = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (length - len(row)) for row in rows]), torch.tensor([len(row) for row in rows])


def make_rows(generator, vocabulary, lengths):
    return [torch.randint(2, vocabulary, (n - 1,), generator=generator).tolist() + [1] for n in lengths]


def best_two(logits):
    top = logits.topk(2, -1).values
    return top[..., 0] - top[..., 1]


@torch.no_grad()
def compute(model, generator, lengths, label_lengths, prompt_length, new_tokens):
    vocabulary = model.config.vocab_size
    ids, lengths = pad(make_rows(generator, vocabulary, lengths))
    labels, label_lengths = pad(make_rows(generator, vocabulary, label_lengths))
    embedded = model.shared(ids)
    total = lengths
    out = {}
    if prompt_length:
        prompt = torch.randn(prompt_length, model.config.d_model, generator=generator)
        embedded = torch.cat([prompt.expand(len(ids), -1, -1), embedded], 1)
        total = lengths + prompt_length
        out["prompt"] = prompt
    mask = (torch.arange(embedded.shape[1]) < total[:, None]).long()
    encoded = model.encoder(inputs_embeds=embedded, attention_mask=mask)
    open_labels = torch.arange(labels.shape[1]) < label_lengths[:, None]
    logits = model(encoder_outputs=encoded, attention_mask=mask, labels=labels, use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    generated = model.generate(encoder_outputs=encoded, attention_mask=mask, max_new_tokens=new_tokens, num_beams=1,
                               do_sample=False, use_cache=False)
    follow = model(encoder_outputs=encoded, attention_mask=mask, decoder_input_ids=generated[:, :-1],
                   use_cache=False).logits
    out |= {"ids": ids, "lengths": lengths, "labels": labels, "label_lengths": label_lengths,
            "logits": logits * open_labels[..., None],
            "losses": (losses.view_as(labels) * open_labels).sum(1),
            "generated": generated[:, 1:].contiguous(), "margins": best_two(follow)}
    return out


def main():
    torch.set_num_threads(1)
    for name, options in SHAPES.items():
        model = make_model(options)
        save_checkpoint(HERE / name, options, model)
        generator = torch.Generator().manual_seed(7)
        batches = {"padded": compute(model, generator, [9, 1, 6, 12], [3, 1, 5, 2], 0, 8),
                   "long": compute(model, generator, [150, 1, 131], [4, 2, 9], 10, 12)}
        tensors = {f"{batch}.{key}": value.contiguous() for batch, values in batches.items()
                   for key, value in values.items()}
        save_file(tensors, HERE / name / "golden.safetensors")
        print(name, {key: batches["padded"][key].tolist() for key in ("losses", "generated")},
              "smallest margin", min(float(v["margins"].min()) for v in batches.values()))


if __name__ == "__main__":
    main()
