"""What each task makes of the real data below ../shared/data: counts, and digests of all examples, by a rendering in Python
that shares nothing with atp's. No text is kept.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install regex xxhash
    /tmp/goldens/bin/python tests/goldens/real_tasks.py ../shared/data

writes real_tasks.json beside itself. A digest is XXH3's of 128 bits over the lines "source, target, references" (with tabs
between) of a split as its file has it. tests/unit/tasks/real_data.cpp compares.
"""

import csv
import gzip
import json
import pathlib
import re
import sys

import regex
import xxhash

data = pathlib.Path(sys.argv[1])


def tsv(path, columns=None):
    lines = (data / path).read_text(encoding="utf-8-sig").split("\n")
    rows = [line.rstrip("\r").split("\t") for line in lines if line.strip("\r")]
    columns = columns or rows.pop(0)
    return [dict(zip(columns, row)) for row in rows if len(row) == len(columns)]


def jsonl(path):
    with (gzip.open if path.endswith(".gz") else open)(data / path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def quoted(path):
    with open(data / path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def pad(text):
    return regex.sub(r"\s+", " ", regex.sub(r"([^_\s\p{N}\p{L}\p{M}])", r" \1 ", text))


def render(template, label, labels):
    return lambda row: [(template.format_map(row), labels[row[label]], None)]


def same(*labels):
    return {label: label for label in labels}


def wsc(row):
    """T5's marks by regular expressions, after the mending of spans that made "wsc.fixed"."""
    text, spans = row["text"], row["target"]
    added = 0
    for number, sign in ((1, "*"), (2, "#")):
        span, index = spans[f"span{number}_text"], spans[f"span{number}_index"]
        if span not in text:
            first = text.split()[index][0]
            span = ((span[0].lower() if first.islower() else span[0].upper()) + span[1:]).rstrip(".").replace("\n", " ")
        if number == 2 and spans["span1_index"] < index:
            index += added
        marked = re.sub(r"^((?:\S+\s){%d})(%s)" % (index, re.escape(span)), rf"\1{sign} \2 {sign}", text)
        added = 2 if marked != text else 0
        text = marked
    return [("superglue-wsc.fixed text: " + text, str(int(row["label"])), None)]


def multirc(row):
    clean = lambda text: re.sub("<(/)?b>", "", re.sub("<br>", " ", text))
    return [(f"superglue-multirc question: {clean(question['question'])} answer: {clean(answer['text'])} paragraph: {clean(row['passage']['text'])}",
             str(answer["label"]), None) for question in row["passage"]["questions"] for answer in question["answers"]]


def record(train):
    def examples(row):
        text = row["passage"]["text"]
        entities = sorted({text[entity["start"]:entity["end"] + 1] for entity in row["passage"]["entities"]})
        passage = re.sub(r"\n@highlight\n", ". ", re.sub(r"(\.|\?|\!|\"|\')\n@highlight\n", r"\1 ", text))
        for question in row["qas"]:
            answers = sorted({answer["text"] for answer in question["answers"]})
            source = f"superglue-record record query: {question['query']} entities: {', '.join(entities)} passage: {passage}"
            yield from [(source, answer, None) for answer in answers] if train else [(source, answers[0], answers)]
    return examples


def mrqa(row):
    for question in row.get("qas", []):
        answers = list(dict.fromkeys(pad(answer) for answer in question["answers"]))
        yield f"squad question: {pad(question['question'])} context: {pad(row['context'])}", answers[0], answers


def yelp(row):
    return [("yelp_polarity sentence: " + row[1].replace("\\n", "\n"), str(int(row[0]) - 1), None)]


entailment = {"entailment": "0", "not_entailment": "1"}
yes_no = {False: "0", True: "1"}
pair = "sentence1: {sentence1} sentence2: {sentence2}"
nli = "premise: {premise} hypothesis: {hypothesis}"
cola = ["source", "label", "mark", "sentence"]
mnli = lambda row: [] if row["gold_label"] == "-" else [(
    "mnli premise: {sentence1} hypothesis: {sentence2}".format_map(row), {"entailment": "0", "neutral": "1", "contradiction": "2"}[row["gold_label"]], None)]
mrpc = lambda row: [(f"mrpc sentence1: {row['#1 String']} sentence2: {row['#2 String']}", row["Quality"], None)]
tasks = {
    "cola": [("train", tsv("glue/CoLA/train.tsv", cola)), ("validation", tsv("glue/CoLA/dev.tsv", cola)), render("cola sentence: {sentence}", "label", same("0", "1"))],
    "sst2": [("train", tsv("glue/SST-2/train.tsv")), ("validation", tsv("glue/SST-2/dev.tsv")), render("sst2 sentence: {sentence}", "label", same("0", "1"))],
    "mrpc": [("train", tsv("glue/MRPC/train.tsv")), ("validation", tsv("glue/MRPC/dev.tsv")), mrpc],
    "rte": [("train", tsv("glue/RTE/train.tsv")), ("validation", tsv("glue/RTE/dev.tsv")), render("rte " + pair, "label", entailment)],
    "qnli": [("train", tsv("glue/QNLI/train.tsv")), ("validation", tsv("glue/QNLI/dev.tsv")), render("qnli question: {question} sentence: {sentence}", "label", entailment)],
    "qqp": [("train", tsv("glue/QQP/train.tsv")), ("validation", tsv("glue/QQP/dev.tsv")),
            render("qqp question1: {question1} question2: {question2}", "is_duplicate", same("0", "1"))],
    "mnli": [("train", tsv("glue/MNLI/train.tsv")), ("validation", tsv("glue/MNLI/dev_mismatched.tsv")), ("test", tsv("glue/MNLI/dev_matched.tsv")), mnli],
    "boolq": [("train", jsonl("superglue/BoolQ/train.jsonl")), ("validation", jsonl("superglue/BoolQ/val.jsonl")),
              render("superglue-boolq question: {question} passage: {passage}", "label", yes_no)],
    "cb": [("train", jsonl("superglue/CB/train.jsonl")), ("validation", jsonl("superglue/CB/val.jsonl")),
           render("superglue-cb " + nli, "label", {"entailment": "0", "contradiction": "1", "neutral": "2"})],
    "multirc": [("train", jsonl("superglue/MultiRC/train.jsonl")), ("validation", jsonl("superglue/MultiRC/val.jsonl")), multirc],
    "superglue-rte": [("train", jsonl("superglue/RTE/train.jsonl")), ("validation", jsonl("superglue/RTE/val.jsonl")), render("superglue-rte " + nli, "label", entailment)],
    "wic": [("train", jsonl("superglue/WiC/train.jsonl")), ("validation", jsonl("superglue/WiC/val.jsonl")), render("superglue-wic " + pair + " word: {word}", "label", yes_no)],
    "wsc": [("train", jsonl("superglue/WSC/train.jsonl")), ("validation", jsonl("superglue/WSC/val.jsonl")), wsc],
    "winogrande": [("train", jsonl("winogrande_1.1/train_xs.jsonl")), ("validation", jsonl("winogrande_1.1/dev.jsonl")),
                   render("winogrande sentence: {sentence} option0: {option1} option1: {option2}", "answer", {"1": "0", "2": "1"})],
    "yelp_polarity": [("train", quoted("yelp_review_polarity_csv/train.csv")), ("test", quoted("yelp_review_polarity_csv/test.csv")), yelp],
    "paws": [*((split, tsv(f"paws/final/{file}.tsv")) for split, file in (("train", "train"), ("validation", "dev"), ("test", "test"))),
             render("paws " + pair, "label", same("0", "1"))],
}
for task, name in (("squad", "SQuAD"), ("newsqa", "NewsQA"), ("nq", "NaturalQuestionsShort"), ("hotpotqa", "HotpotQA")):
    tasks[task] = [("train", jsonl(f"mrqa/train/{name}.jsonl.gz")), ("validation", jsonl(f"mrqa/dev/{name}.jsonl.gz")), mrqa]

golden = {}


def add(task, split, examples):
    digest, count = xxhash.xxh3_128(), 0
    for source, target, references in examples:
        digest.update("\t".join([source, target, *(references or [target])]).encode() + b"\n")
        count += 1
    golden.setdefault(task, {})[split] = {"examples": count, "digest": digest.hexdigest()}


for task, (*splits, make) in tasks.items():
    for split, rows in splits:
        add(task, split, (example for row in rows for example in make(row)))
add("record", "train", (example for row in jsonl("superglue/ReCoRD/train.jsonl") for example in record(True)(row)))
add("record", "validation", (example for row in jsonl("superglue/ReCoRD/val.jsonl") for example in record(False)(row)))

output = pathlib.Path(__file__).with_suffix(".json")
output.write_text(json.dumps(golden, indent=1) + "\n")
for task, splits in golden.items():
    print(task, {split: one["examples"] for split, one in splits.items()})
