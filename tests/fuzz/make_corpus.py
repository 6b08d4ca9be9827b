#!/usr/bin/env python3
"""What the fuzz targets start from: small files, whole and broken, that between them reach every part of a reader.

    python tests/fuzz/make_corpus.py        (standard library only)

writes tests/fuzz/corpus/<target>/. Files that fuzzing found lie beside them, under names of their own.
"""
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def safetensors(header, data=b""):
    text = header if isinstance(header, str) else json.dumps(header)
    return struct.pack("<Q", len(text)) + text.encode() + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write(target, files):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def safetensors_files():
    types = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
             "F8_E4M3": 1}
    header, end = {}, 0
    for name, size in types.items():
        header[name] = tensor(name, [2, 1], end, end + 2 * size)
        end += 2 * size
    one = {"x": tensor("F32", [2], 0, 8)}
    return {
        "every-type": safetensors(header, bytes(range(end))),
        "one": safetensors(one, b"\0" * 8),
        "metadata": safetensors({"__metadata__": {"tasks": "[\"a\"]"}, **one}, b"\0" * 8),
        "scalar-and-empty": safetensors({"e": tensor("F32", [0, 4], 0, 0), "s": tensor("I64", [], 0, 8)}, b"\1" * 8),
        "unaligned": safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("F32", [2], 1, 9)}, b"\2" * 9),
        "none": safetensors({}),
        "cut": safetensors(one, b"\0" * 7),
        "hole": safetensors({**one, "y": tensor("F32", [1], 12, 16)}, b"\0" * 16),
        "overlap": safetensors({**one, "y": tensor("F32", [1], 4, 8)}, b"\0" * 8),
        "huge-shape": safetensors({"x": tensor("F32", [2**32, 2**32], 0, 0)}),
        "header-too-long": struct.pack("<Q", 2**63) + b"{}",
        "not-json": safetensors("{\"x\":"),
        "not-a-map": safetensors([1]),
        "empty": b"",
    }


def config_files():
    first = {"model_type": "t5", "vocab_size": 128, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2,
             "num_layers": 2}
    gated = {**first, "feed_forward_proj": "gated-gelu", "is_gated_act": True, "dense_act_fn": "gelu_new",
             "tie_word_embeddings": False, "num_decoder_layers": 3, "relative_attention_num_buckets": 32,
             "relative_attention_max_distance": 128, "dropout_rate": 0.1, "layer_norm_epsilon": 1e-6,
             "initializer_factor": 1.0, "decoder_start_token_id": 0, "eos_token_id": 1, "is_encoder_decoder": True}
    new = {**gated, "tie_word_embeddings": True, "scale_decoder_outputs": False, "decoder_start_token_id": None}
    return {name: json.dumps(config, indent=1) for name, config in {
        "first": first, "gated": gated, "version-5": new, "wrong": {**gated, "d_model": "16", "eos_token_id": 999},
        "another-model": {**first, "model_type": "bart"}, "large": {**first, "d_model": 2**40}, "nothing": {},
        "list": [first],
    }.items()} | {"cut": json.dumps(first)[:-5], "empty": "", "deep": "[" * 300}


def main():
    write("safetensors", safetensors_files())
    write("t5_config", config_files())


if __name__ == "__main__":
    main()
