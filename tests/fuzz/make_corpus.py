#!/usr/bin/env python3
"""What the fuzz targets start from: small files, whole and broken, that between them reach every part of a reader.

    python tests/fuzz/make_corpus.py        (standard library only)

writes tests/fuzz/corpus/<target>/. Files that fuzzing found lie beside them, under names of their own.
"""
import collections
import gzip
import io
import json
import lzma
import math
import pathlib
import pickle
import struct
import tarfile
import zipfile
import zlib

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


class Global:
    """Something of another module, by its name alone."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Global(module, name), arguments


class Storage:
    def __init__(self, kind, key, elements, device="cpu"):
        self.id = ("storage", Global("torch", kind + "Storage"), key, device, elements)


class Pickler(pickle._Pickler):
    """Python's own pickler, which names what it does not have to load."""

    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Global):
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Call):
            self.save(value.function)
            self.save(value.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def pickled(value, protocol=2):
    stream = io.BytesIO()
    Pickler(stream, protocol).dump(value)
    return stream.getvalue()


def view(storage, offset, shape, strides):
    return Call("torch._utils", "_rebuild_tensor_v2", storage, offset, shape, strides, False, collections.OrderedDict())


def pickles():
    floats, halves = Storage("Float", "0", 6, "cuda:0"), Storage("Half", "1", 4)
    matrix = view(floats, 0, (2, 3), (3, 1))
    state = collections.OrderedDict([("a", matrix), ("b", view(floats, 3, (3,), (1,))), ("c.d", view(halves, 0, (), ()))])
    raw = Call("torch._utils", "_rebuild_tensor_v3", Storage("Byte", "2", 4), 0, (2,), (1,), False,
               collections.OrderedDict(), Global("torch", "uint16"))
    mixed = {"model": state, "list": [raw, (1, 2.5, None, True, 2**70, -3)], 3: matrix, "text": "x", "bytes": b"y",
             "set": {1}, "shape": Call("torch", "Size", (2, 3))}
    itself = {}
    itself["x"] = itself
    return {
        **{f"mixed-{protocol}": pickled(mixed, protocol) for protocol in (2, 3, 4, 5)},
        "tensor": pickled(matrix), "transposed": pickled(view(floats, 0, (3, 2), (1, 3))),
        "parameter": pickled(Call("torch._utils", "_rebuild_parameter", matrix, True, collections.OrderedDict())),
        "parameter-with-state": pickled(Call("torch._utils", "_rebuild_parameter_with_state", matrix, True,
                                             collections.OrderedDict(), {"a": 1})),
        "first-form": pickled(Call("torch._utils", "_rebuild_tensor", floats, 0, (6,), (1,))),
        "pairs": pickled(Call("collections", "OrderedDict", [["a", matrix]])),
        "system": pickled({"x": Call("os", "system", "true")}), "in-itself": pickled(itself),
        "beyond": pickled(view(floats, 4, (3,), (1,))), "expanded": pickled(view(floats, 0, (99, 99), (0, 0))),
        "empty-tensor": pickled(view(floats, 0, (0, 2**62), (1, 1))),
    }


def archive(pickle_bytes, order="little", compression=zipfile.ZIP_STORED, comment=b"", wide=False):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        parts = {"data.pkl": pickle_bytes, "byteorder": order.encode(), "version": b"3\n", "data/0": bytes(24),
                 "data/1": bytes(8), "data/2": bytes(4)}
        for name, contents in parts.items():
            with file.open(zipfile.ZipInfo("a/" + name), "w", force_zip64=wide) as entry:
                entry.write(contents)
        file.comment = comment
    return stream.getvalue()


def torch_save_files():
    made = pickles()
    good = archive(made["mixed-2"])
    return {"mixed-2": good, "mixed-4": archive(made["mixed-4"]), "tensor": archive(made["tensor"]),
            "transposed": archive(made["transposed"]), "comment": archive(made["tensor"], comment=b"a comment"),
            "wide": archive(made["tensor"], wide=True), "big-endian": archive(made["tensor"], order="big"),
            "compressed": archive(made["tensor"], compression=zipfile.ZIP_DEFLATED), "cut": good[:-30],
            "system": archive(made["system"]), "no-pickle": good.replace(b"data.pkl", b"none.pkl"),
            "old-form": bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")}


def npy(header, data=b"", version=1):
    text = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def npy_files():
    header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }   \n"
    floats = header % ("<f4", False, (2, 3))
    return {"floats": npy(floats, bytes(24)), "version-2": npy(floats, bytes(24), 2),
            "fortran": npy(header % ("<f8", True, (2, 3)), bytes(48)), "scalar": npy(header % ("|u1", False, ()), b"\1"),
            "one": npy(header % ("<i8", False, (1,)), bytes(8)), "empty-array": npy(header % ("<f2", False, (0, 4))),
            "cut": npy(floats, bytes(23)), "big-endian": npy(header % (">f4", False, (1,)), bytes(4)),
            "objects": npy(header % ("|O", False, (1,)), b"x"), "huge": npy(header % ("<f8", False, (2**40, 2**40))),
            "structure": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4)),
            "no-header": b"\x93NUMPY\1\0\xff\xff"}


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


def row_files():
    """By reader."""
    mark = b"\xef\xbb\xbf"
    tsv = {
        "two": "a\tb\n1\t2\n3\t4\n", "mark-and-crlf": mark + b"a\tb\r\n1\t\"2\r\n", "few": "a\tb\n1\n", "many": "a\n1\t2\n",
        "blank": "a\n\n\n1\n\n", "twice": "a\ta\n", "nameless": "a\t\n", "latin": b"a\n\xe9\n", "header": "a", "empty": "",
    }
    csv = {
        "quotes": '"a",b\r\n"x ""y""\r\nz",\n', "open": 'a\n"b', "behind": 'a,b\n"1"x,2\n3,4\n', "yelp": '"1","a ""b""\\n"\n',
        "returns": "a,b\r\n\rp\rq,r\r", "blank": "\n\r\na\n\n1\n", "mark": mark + b"a\n\"\xff\"\n2", "many": "a\n1,2,3\n", "empty": "",
    }
    jsonl = {
        "nested": '{"a": [1, -2.5e3, true, null, {"b": "\\u00e9\\n"}]}\n\n{"a": ""}', "mrqa": '{"header": {}}\n{"context": "c", "qas": []}\n',
        "list": "[1]\n{}\n", "cut": '{"a": ', "twice": '{"a": 1, "a": 2}', "latin": b'{"a": "\xe9"}\n{}', "surrogate": '{"a": "\\ud800"}',
        "mark": mark + b"{}\r\n", "large": '{"a": 123456789012345678901234567890, "b": 1e999}', "deep": "[" * 300, "empty": "",
    }
    json_ = {
        "list": '[\n {"a": 1},\n {"b": [{}]}\n]', "data": '{"version": "1.1", "data": [{"a": {"data": [1]}}], "x": [{}]}',
        "lines": '{"a": "}"}\n{"a": 2}\n', "scalars": '[1, "a", null, true, 2.5, [], {}]', "none": '{"a": 1}', "cut": '[{"a": 1}, {"b"',
        "twice": '[{"a": 1, "a": 2}]', "deep": "[" * 300, "mark": mark + b"[{}]", "two": "[{}][{}]", "empty": "",
    }
    return {"rows_tsv": tsv, "rows_csv": csv, "rows_jsonl": jsonl, "rows_json": json_}


def seven_zip(names, packed=None, sizes=None, coder=b"\x21\x21\x01\x08", encoded=False):
    """A 7z archive: one folder of one coder (LZMA2; b"\\x01\\x00" copies), an entry for each name; 7zFormat.txt has the form."""
    def number(value):
        for more in range(8):
            if value < 1 << 7 * (more + 1):
                return bytes([0xff << 8 - more & 0xff | value >> 8 * more]) + (value & (1 << 8 * more) - 1).to_bytes(more, "little")
        return b"\xff" + value.to_bytes(8, "little")

    def squeezed(data):
        return lzma.compress(data, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])

    def streams(at, packed, size, coder, substreams=b""):
        return (b"\x06" + number(at) + b"\x01\x09" + number(len(packed)) + b"\0" +
                b"\x07\x0b\x01\0\x01" + coder + b"\x0c" + number(size) + b"\0" + substreams + b"\0")

    texts = [name.encode() * 20 for name in names]
    sizes = sizes or [len(text) for text in texts]
    packed = squeezed(b"".join(texts)) if packed is None else packed
    substreams = (b"\x08\x0d" + number(len(names)) + b"\x09" + b"".join(map(number, sizes[:-1])) +
                  b"\x0a\x01" + b"".join(struct.pack("<I", zlib.crc32(text)) for text in texts) + b"\0")
    words = b"\0" + b"".join(name.encode("utf-16-le") + b"\0\0" for name in names)
    header = (b"\x01\x04" + streams(0, packed, sum(sizes), coder, substreams) +
              b"\x05" + number(len(names)) + b"\x11" + number(len(words)) + words + b"\0\0")
    if encoded:
        small = squeezed(header)
        header = b"\x17" + streams(len(packed), small, len(header), b"\x21\x21\x01\x08")
        packed += small
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def archives():
    """Their first byte says which form: 0 zip, 1 tar.gz, 2 tar, 3 gzip, 4 7z."""
    def zipped(method, *names):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), name * 20, method)
        return stream.getvalue()

    def tarred(form, *names, kind=tarfile.REGTYPE):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            for name in names:
                entry = tarfile.TarInfo(name)
                entry.size, entry.type, entry.linkname = len(name), kind, "a" if kind != tarfile.REGTYPE else ""
                archive.addfile(entry, io.BytesIO(name.encode()))
        return stream.getvalue()

    names = ["b/2", "./b/1", "c", "d\u00e9"]
    gz = gzip.compress(b"text " * 50, mtime=0)
    long = tarred(tarfile.GNU_FORMAT, "x/" * 60 + "y")
    zip_, deflated = zipped(zipfile.ZIP_STORED, *names), zipped(zipfile.ZIP_DEFLATED, *names)
    files = {
        "stored": b"\0" + zip_, "deflated": b"\0" + deflated, "zip-out": b"\0" + zipped(zipfile.ZIP_STORED, "../x"),
        "zip-cut": b"\0" + deflated[:-30], "zip-twice": b"\0" + zipped(zipfile.ZIP_STORED, "a", "b", "a"),
        "tar-pax": b"\2" + tarred(tarfile.PAX_FORMAT, *names), "tar-gnu": b"\2" + long,
        "tar-link": b"\2" + tarred(tarfile.USTAR_FORMAT, "x", kind=tarfile.SYMTYPE),
        "tar-device": b"\2" + tarred(tarfile.USTAR_FORMAT, "x", kind=tarfile.CHRTYPE),
        "tar-out": b"\2" + tarred(tarfile.USTAR_FORMAT, "/x"), "tar-cut": b"\2" + long[:700],
        "tar-gz": b"\1" + gzip.compress(tarred(tarfile.USTAR_FORMAT, *names), mtime=0),
        "gzip": b"\3" + gz, "gzip-members": b"\3" + gz + gz + b"\0" * 16, "gzip-cut": b"\3" + gz[:-9],
        "gzip-sum": b"\3" + gz[:-6] + b"\1" + gz[-5:], "empty": b"", "nothing": b"\0",
        "7z": b"\4" + seven_zip(names), "7z-encoded": b"\4" + seven_zip(names, encoded=True),
        "7z-copied": b"\4" + seven_zip(["a", "b"], packed=b"a" * 20 + b"b" * 20, coder=b"\x01\0"),
        "7z-sum": b"\4" + seven_zip(["a", "b"], packed=b"a" * 20 + b"c" * 20, coder=b"\x01\0"),
        "7z-out": b"\4" + seven_zip(["../x"]), "7z-twice": b"\4" + seven_zip(["a", "b", "a"]),
        "7z-cut": b"\4" + seven_zip(names)[:-20], "7z-huge": b"\4" + seven_zip(["a", "b"], sizes=[2**40, 20]),
        "7z-long": b"\4" + seven_zip(["a", "b"], sizes=[30, 20]), "7z-dictionary": b"\4" + seven_zip(names, coder=b"\x21\x21\x01\x28"),
    }
    return files


def cache(counts, body, header=b"\0" * 32):
    """A file of the cache: the targets fill in what the header says of form, key, size and sums."""
    return header + struct.pack("<6Q", *counts, *[0] * (6 - len(counts))) + b"\0" * 24 + body


def cache_token_files():
    def tokens(ids, ends, rows=None, count=None):
        packed = struct.pack(f"<{len(ids)}i", *ids)
        packed += b"\0" * (-len(packed) % 8) + struct.pack(f"<{len(ends)}Q", *ends)
        return cache([len(ends) // 2 if rows is None else rows, len(ids) if count is None else count, 1], packed)

    ids = [5, 6, 1, 7, 1, 8, 1]
    whole = tokens(ids, [0, 3, 5, 7, 7])
    return {
        "two-rows": whole, "odd-ids": tokens(ids[:5], [0, 3, 5]), "no-rows": tokens([], [0]), "empty": b"",
        "header-only": cache([], b""), "header-cut": whole[:100], "body-cut": whole[:-4],
        "beyond": tokens(ids, [0, 3, 5, 7, 8]), "backwards": tokens(ids, [0, 5, 3, 7, 7]),
        "late-start": tokens(ids, [3, 3, 5, 7, 7]), "ids-left": tokens(ids, [0, 3, 5, 5, 5]),
        "huge-end": tokens(ids, [0, 3, 5, 7, 2**64 - 1]), "huge-rows": tokens(ids, [0, 3, 5, 7, 7], rows=2**60 + 2),
        "most-rows": tokens(ids, [0, 3, 5, 7, 7], rows=2**63 + 2),
        "huge-ids": tokens(ids, [0, 3, 5, 7, 7], count=2**62 + 7),
    }


def cache_example_files():
    def entry(at=0, source=2, target=3, group=0, references=0, line=1, part=0):
        return struct.pack("<Q4IiI", at, source, target, group, references, line, part)

    def bad(text, length=None, part=0):
        return struct.pack("<3I", 7, part, len(text) if length is None else length) + text

    def examples(text, entries, bad_rows=(), **given):
        text += b"\0" * (-len(text) % 8)
        counts = {"examples": len(entries), "rows": 3, "bad": 1, "left_out": 0, "texts": len(text),
                  "listed": len(bad_rows), **given}
        return cache(counts.values(), text + b"".join(entries) + b"".join(bad_rows))

    two = b"onyes" + b"twnogr" + struct.pack("<I", 2) + b"no" + struct.pack("<I", 1) + b"n"
    second = entry(at=5, target=2, group=2, references=2, line=2, part=1)
    whole = examples(two, [entry(), second], [bad(b"no label")])
    return {
        "two": whole, "none": examples(b"", []), "empty": b"", "header-cut": whole[:50], "body-cut": whole[:-4],
        "no-part": examples(two, [entry(part=9)], [bad(b"what", part=9)]),
        "at-beyond": examples(two, [entry(at=1000)]), "at-huge": examples(two, [entry(at=2**64 - 2)]),
        "long-source": examples(two, [entry(source=2**32 - 1)]), "long-group": examples(two, [entry(group=30)]),
        "many-references": examples(two, [entry(references=2**32 - 1)]),
        "reference-beyond": examples(b"ab" + struct.pack("<I", 50), [entry(source=1, target=1, references=1)]),
        "reference-huge": examples(b"ab" + struct.pack("<I", 2**32 - 4), [entry(source=1, target=1, references=1)]),
        "reference-cut": examples(b"abc" + struct.pack("<I", 0), [entry(source=3, target=2, references=1)] * 2),
        "bad-beyond": examples(two, [entry()], [bad(b"what", length=5)]),
        "bad-huge": examples(two, [entry()], [bad(b"what", length=2**32 - 12)]),
        "bad-many": examples(two, [entry()], [bad(b"what")], listed=2**64 - 1),
        "huge-examples": examples(two, [entry()], examples=2**59 + 1),
        "huge-texts": examples(two, [entry()], texts=2**64 - 8), "odd-texts": examples(two, [entry()], texts=3),
    }


def peft(config, shapes, metadata=None):
    """adapter_config.json, a zero byte, adapter_model.safetensors with float32 tensors of these shapes."""
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = tensor("F32", shape, begin, end)
    text = config if isinstance(config, str) else json.dumps(config)
    return text.encode() + b"\0" + safetensors(header, bytes(end))


def peft_files():
    site = "base_model.model.encoder.block.0.layer.0.SelfAttention."
    prompt = {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "token_dim": 3, "num_transformer_submodules": 1}
    multitask = {**prompt, "peft_type": "MULTITASK_PROMPT_TUNING", "num_tasks": 2, "num_ranks": 1}
    tasks = {"prompt_embeddings": [2, 3], "prefix_task_cols": [2, 2, 1], "prefix_task_rows": [2, 1, 3]}
    dept = {**prompt, "peft_type": "PROMPT_TUNING_LORA", "r": 2, "max_length": 4, "lora_alpha": 8}
    low_rank = {"prompt_embeddings": [2, 3], "prompt_encoder.lora_embedding_A": [4, 2],
                "prompt_encoder.lora_embedding_B": [2, 3]}
    lora = {"peft_type": "LORA", "r": 2, "lora_alpha": 4.5, "bias": "none", "target_modules": ["q"]}
    both = {site + "q.lora_A.weight": [2, 3], site + "q.lora_B.weight": [4, 2]}
    prefix = {**prompt, "peft_type": "PREFIX_TUNING", "num_layers": 2, "num_transformer_submodules": 2}
    return {
        "prompt": peft(prompt, {"prompt_embeddings": [2, 3]}, {"tasks": "[\"a\"]", "backbone": "{\"digest\":\"0\"}"}),
        "prompt-of-two": peft({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 1}, {"prompt_embeddings": [2, 3]}),
        "prompt-tasks-no-list": peft(prompt, {"prompt_embeddings": [2, 3]}, {"tasks": "3"}),
        "prompt-long": peft({**prompt, "num_virtual_tokens": 10**9}, {"prompt_embeddings": [2, 3]}),
        "multitask": peft(multitask, tasks), "multitask-cut": peft(multitask, {"prompt_embeddings": [2, 3]}),
        "dept": peft(dept, low_rank), "dept-no-rank": peft({**dept, "r": None}, low_rank),
        "lora": peft(lora, both), "lora-half": peft(lora, {site + "q.lora_A.weight": [2, 3]}),
        "lora-stable": peft({**lora, "use_rslora": True}, both), "lora-dora": peft({**lora, "use_dora": True}, both),
        "lora-no-site": peft(lora, {"base_model.model..lora_A.weight": [2, 3]}),
        "ia3": peft({"peft_type": "IA3"}, {site + "k.ia3_l": [3, 1], "base_model.model.x.wo.ia3_l": [1, 4]}),
        "prefix": peft(prefix, {"prompt_embeddings": [2, 12]}),
        "prefix-huge": peft({**prefix, "num_layers": 10**9}, {"prompt_embeddings": [2, 12]}),
        "no-type": peft({}, {}), "no-config": peft("", {}), "unknown": peft({"peft_type": "OFT"}, {}),
    }


def main():
    for target, files in row_files().items():
        write(target, files)
    write("archive", archives())
    write("cache_tokens", cache_token_files())
    write("cache_examples", cache_example_files())
    write("safetensors", safetensors_files())
    write("torch_save", torch_save_files())
    write("pickle", pickles())
    write("npy", npy_files())
    write("t5_config", config_files())
    write("peft", peft_files())


if __name__ == "__main__":
    main()
