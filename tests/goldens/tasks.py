"""What each task makes of a few rows: an independent rendering, in plain Python, of the templates of the tasks' papers.

    python3 -m venv /tmp/goldens && /tmp/goldens/bin/pip install regex && /tmp/goldens/bin/python tests/goldens/tasks.py

writes tasks.json beside itself: for each case the files (path below a data root → contents) and the examples of each
split. All rows are made up. tests/unit/tasks/templates.cpp writes the files and compares.
"""

import csv
import decimal
import hashlib
import io
import json
import pathlib
import re

import regex


def tsv(rows, header=None):
    return "".join("\t".join(row) + "\n" for row in ([header] if header else []) + rows)


def csv_text(rows):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return out.getvalue()


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def example(source, target, references=None, group=""):
    return {"source": source, "target": target, "references": references or [target], "group": group}


cases = []


def case(task, files, options=None, **expected):
    cases.append({"task": task, "options": options or {}, "files": files, "expected": expected})


# --- GLUE ---

PAIR = "{0} {1}: {a} {2}: {b}"


def pairs(task, folder, names, columns, label, rows, labels, hub_folder=None, hub_columns=None):
    """Two texts and a label, in the authors' TSV and as the Hub has them."""
    text = [example(f"{task} {names[0]}: {a} {names[1]}: {b}", labels[y]) for a, b, y in rows]
    table = tsv([[str(i), a, b, y] for i, (a, b, y) in enumerate(rows)], ["index", *columns, label])
    case(task, {f"{folder}/train.tsv": table, f"{folder}/dev.tsv": table}, train=text, validation=text)
    hub_a, hub_b = hub_columns or columns
    exported = lines([{hub_a: a, hub_b: b, "label": int(labels[y]), "idx": i} for i, (a, b, y) in enumerate(rows)])
    case(task, {f"glue/{hub_folder or task}/{split}.jsonl": exported for split in ("train", "validation")},
         train=text, validation=text)


TWO = [("Rain fell.", "It was \"wet\".", "x"), ("Ein Café", "a shop, perhaps", "y")]


def labelled(x, y):
    return [(a, b, x if z == "x" else y) for a, b, z in TWO]


sentences = [("They sings.", "0"), ("She sings \"loudly", "1")]
case("cola", {"CoLA/train.tsv": tsv([["ab12", y, "*" if y == "0" else "", s] for s, y in sentences])},
     train=[example("cola sentence: " + s, y) for s, y in sentences])
case("cola", {"glue/cola/train.jsonl": lines([{"sentence": s, "label": int(y), "idx": 0} for s, y in sentences])},
     train=[example("cola sentence: " + s, y) for s, y in sentences])
for files in ({"SST-2/train.tsv": tsv([[s, y] for s, y in sentences], ["sentence", "label"])},
              {"glue/sst2/train.jsonl": lines([{"idx": 0, "sentence": s, "label": int(y)} for s, y in sentences])}):
    case("sst2", files, train=[example("sst2 sentence: " + s, y) for s, y in sentences])
mrpc = labelled("1", "0")
text = [example(f"mrpc sentence1: {a} sentence2: {b}", y) for a, b, y in mrpc]
case("mrpc", {"MRPC/train.tsv": "\ufeff" + tsv([[y, "1", "2", a, b] for a, b, y in mrpc],
                                               ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]).replace("\n", "\r\n")},
     train=text)
case("mrpc", {"glue/mrpc/train.jsonl": lines([{"sentence1": a, "sentence2": b, "label": int(y), "idx": 0} for a, b, y in mrpc])},
     train=text)
pairs("qqp", "QQP", ("question1", "question2"), ("question1", "question2"), "is_duplicate", labelled("0", "1"), {"0": "0", "1": "1"})
pairs("qnli", "QNLI", ("question", "sentence"), ("question", "sentence"), "label",
      labelled("entailment", "not_entailment"), {"entailment": "0", "not_entailment": "1"})
pairs("rte", "RTE", ("sentence1", "sentence2"), ("sentence1", "sentence2"), "label",
      labelled("not_entailment", "entailment"), {"entailment": "0", "not_entailment": "1"})
pairs("wnli", "WNLI", ("sentence1", "sentence2"), ("sentence1", "sentence2"), "label", labelled("1", "0"), {"0": "0", "1": "1"})

# MNLI: "-" is no label, and is left out.
mnli_labels = {"entailment": "0", "neutral": "1", "contradiction": "2"}
mnli = [("It rains.", "It is wet.", "entailment"), ("It rains.", "It snows.", "-"), ("It rains.", "Bo sings.", "neutral"),
        ("It rains.", "It is dry.", "contradiction")]
text = [example(f"mnli premise: {a} hypothesis: {b}", mnli_labels[y]) for a, b, y in mnli if y != "-"]
table = tsv([[str(i), a, b, "neutral", y] for i, (a, b, y) in enumerate(mnli)],
            ["index", "sentence1", "sentence2", "label1", "gold_label"])
matched = tsv([["0", "M.", "N.", "neutral"]], ["index", "sentence1", "sentence2", "gold_label"])
case("mnli", {"MNLI/train.tsv": table, "MNLI/dev_mismatched.tsv": table, "MNLI/dev_matched.tsv": matched},
     train=text, validation=text, test=[example("mnli premise: M. hypothesis: N.", "1")])
exported = lines([{"premise": a, "hypothesis": b, "label": int(mnli_labels[y])} for a, b, y in mnli if y != "-"])
case("mnli", {"glue/mnli/train.jsonl": exported, "glue/mnli/validation_mismatched.jsonl": exported,
              "glue/mnli/validation_matched.jsonl": lines([{"premise": "M.", "hypothesis": "N.", "label": 1}])},
     train=text, validation=text, test=[example("mnli premise: M. hypothesis: N.", "1")])


def stsb_text(score):
    """To the nearest 0.2, halves to even, by decimal arithmetic."""
    fifths = (decimal.Decimal(score) * 5).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_EVEN)
    return f"{fifths / 5:.1f}"


scores = ["0.0", "5.000", "3.8", "2.5", "1.5", "0.1", "0.3", "0.7", "1.1", "2.3", "3.3", "4.7", "4.9", "2.600", "3.25", "0.75"]
text = [example("stsb sentence1: A. sentence2: B.", stsb_text(score)) for score in scores]
case("stsb", {"STS-B/train.tsv": tsv([[str(i), "main", "A.", "B.", s] for i, s in enumerate(scores)],
                                     ["index", "genre", "sentence1", "sentence2", "score"])}, train=text)
case("stsb", {"glue/stsb/train.jsonl": lines([{"sentence1": "A.", "sentence2": "B.", "label": float(s), "idx": 1} for s in scores])},
     train=text)

# --- SuperGLUE ---

boolq = [{"question": "is it wet", "passage": "Rain -- It rains.", "idx": 0, "label": True},
         {"question": "is it dry", "passage": "Rain -- It rains.", "idx": 1, "label": False}]
text = [example("superglue-boolq question: {question} passage: {passage}".format(**row), str(int(row["label"]))) for row in boolq]
case("boolq", {"BoolQ/train.jsonl": lines(boolq), "BoolQ/val.jsonl": lines(boolq[:1])}, train=text, validation=text[:1])
case("boolq", {"super_glue/boolq/train.jsonl": lines([{**row, "label": int(row["label"])} for row in boolq])}, train=text)

cb_labels = {"entailment": 0, "contradiction": 1, "neutral": 2}
cb = [{"premise": f"P{i}?", "hypothesis": f"H{i}", "label": label, "idx": i} for i, label in enumerate(cb_labels)]
text = [example("superglue-cb premise: {premise} hypothesis: {hypothesis}".format(**row), str(cb_labels[row["label"]])) for row in cb]
case("cb", {"superglue/CB/train.jsonl": lines(cb)}, train=text)
case("cb", {"super_glue/cb/train.jsonl": lines([{**row, "label": cb_labels[row["label"]]} for row in cb])}, train=text)

copa = [{"premise": "The cup broke.", "choice1": "It fell.", "choice2": "It was full.", "question": "cause", "label": 0, "idx": 0},
        {"premise": "It rained.", "choice1": "It was dry.", "choice2": "It was wet.", "question": "effect", "label": 1, "idx": 1}]
copa_text = "superglue-copa premise: {premise} choice1: {choice1} choice2: {choice2}"
for path in ("COPA", "super_glue/copa"):
    case("copa", {f"{path}/train.jsonl": lines(copa)}, train=[example(copa_text.format(**row), str(row["label"])) for row in copa])
case("copa", {"COPA/train.jsonl": lines(copa)}, {"question": True},
     train=[example((copa_text + " question: {question}").format(**row), str(row["label"])) for row in copa])

rte = [{"premise": "A.", "hypothesis": "B.", "label": "entailment", "idx": 0}, {"premise": "C.", "hypothesis": "D.", "label": "not_entailment", "idx": 1}]
text = [example("superglue-rte premise: {premise} hypothesis: {hypothesis}".format(**row), str(i)) for i, row in enumerate(rte)]
case("superglue-rte", {"RTE/train.jsonl": lines(rte)}, train=text)
case("superglue-rte", {"super_glue/rte/train.jsonl": lines([{**row, "label": i} for i, row in enumerate(rte)])}, train=text)

wic = [{"word": "bank", "sentence1": "The bank lends.", "sentence2": "A bank of sand.", "label": False, "start1": 4, "idx": 0, "version": 1.1},
       {"word": "sing", "sentence1": "He sang.", "sentence2": "She sings.", "label": True, "start1": 3, "idx": 1, "version": 1.1}]
text = [example("superglue-wic sentence1: {sentence1} sentence2: {sentence2} word: {word}".format(**row), str(int(row["label"]))) for row in wic]
case("wic", {"WiC/train.jsonl": lines(wic)}, train=text)
case("wic", {"super_glue/wic/train.jsonl": lines([{**row, "label": int(row["label"])} for row in wic])}, train=text)


def no_markup(text):  # as the code that was released with the paper has it
    return re.sub("<(/)?b>", "", re.sub("<br>", " ", text))


def multirc_example(paragraph, question, answer, label, group):
    return example(f"superglue-multirc question: {no_markup(question)} answer: {no_markup(answer)} paragraph: {no_markup(paragraph)}",
                   str(label), group=group)


passages = [
    {"idx": 7, "version": 1.1, "passage": {"text": "<b>Sent 1: </b>Ann has 2 < 3 cats.<br><b>Sent 2: </b>Bo > Ann.<br>", "questions": [
        {"question": "Who has <b>cats</b>?", "idx": 3, "answers": [{"text": "Ann", "idx": 0, "label": 1}, {"text": "Bo<br>", "idx": 1, "label": 0}]},
        {"question": "How many?", "idx": 4, "answers": [{"text": "2", "idx": 2, "label": 1}]}]}},
    {"idx": 8, "version": 1.1, "passage": {"text": "Nothing.", "questions": [{"question": "What?", "idx": 5, "answers": [{"text": "Nothing", "idx": 3, "label": 1}]}]}}]
text, flat = [], []
for row in passages:
    for question in row["passage"]["questions"]:
        for answer in question["answers"]:
            text.append(multirc_example(row["passage"]["text"], question["question"], answer["text"], answer["label"], f"{row['idx']}.{question['idx']}"))
            flat.append({"paragraph": row["passage"]["text"], "question": question["question"], "answer": answer["text"],
                         "idx": {"paragraph": row["idx"], "question": question["idx"], "answer": answer["idx"]}, "label": answer["label"]})
case("multirc", {"MultiRC/train.jsonl": lines(passages), "MultiRC/val.jsonl": lines(passages)}, train=text, validation=text)
case("multirc", {"super_glue/multirc/train.jsonl": lines(flat)}, train=text)

# ReCoRD: entities are places counted in characters (not bytes), highlights become sentences; one row an answer to train
# on, one a query to be scored.
article = "Zoë met Bo in Kyōto\n@highlight\nBo sang \"Aria\"\n@highlight\nZoë left."
spots = ["Zoë", "Bo", "Kyōto", "Bo", "Aria"]
places, at = [], 0
for spot in spots:
    at = article.index(spot, at)
    places.append({"start": at, "end": at + len(spot) - 1})
    at += 1
queries = [{"query": "@placeholder sang", "idx": 0, "answers": [{"start": 8, "end": 9, "text": "Bo"}, {"start": 31, "end": 32, "text": "Bo"}]},
           {"query": "who is at @placeholder?", "idx": 1, "answers": [{"start": 14, "end": 18, "text": "Kyōto"}, {"start": 0, "end": 2, "text": "Zoë"}]}]
record = [{"source": "Daily mail", "passage": {"text": article, "entities": places}, "qas": queries, "idx": 0}]


def sentences_of(passage):  # as the code that was released with the paper has it
    return re.sub(r"\n@highlight\n", ". ", re.sub(r"(\.|\?|\!|\"|\')\n@highlight\n", r"\1 ", passage))


train, scored, flat = [], [], []
for query in queries:
    answers = sorted({answer["text"] for answer in query["answers"]})
    source = f"superglue-record record query: {query['query']} entities: {', '.join(sorted(set(spots)))} passage: {sentences_of(article)}"
    train += [example(source, answer, group=str(query["idx"])) for answer in answers]
    scored.append(example(source, answers[0], answers, str(query["idx"])))
    flat.append({"passage": article, "query": query["query"], "entities": sorted(set(spots)), "answers": answers, "idx": {"passage": 0, "query": query["idx"]}})
case("record", {"ReCoRD/train.jsonl": lines(record), "ReCoRD/val.jsonl": lines(record)}, train=train, validation=scored)
case("record", {"super_glue/record/train.jsonl": lines(flat), "super_glue/record/validation.jsonl": lines(flat)}, train=train, validation=scored)

# WSC: what the mending of the spans and the marks of T5 make of each text, written by hand.
wsc = [
    ("Ann told Bo that she sang.", ("Ann", 0), ("she", 4), "* Ann * told Bo that # she # sang."),
    ("Because it rained, the dogs stayed.", ("The dogs", 3), ("it", 1), "Because # it # rained, * the dogs * stayed."),  # case; pronoun first
    ("The old\nred car was hers , not mine", ("The old red car", 0), ("hers", 5), "* The old\nred car * was # hers # , not mine"),  # a line end
    ("She saw J. and waved to him.", ("J.", 2), ("him.", 6), "She saw * J. * and waved to # him. #"),  # the full stop is the text's
    ("She saw Jo and waved to him", ("Jo.", 2), ("him.", 6), "She saw * Jo * and waved to # him #"),  # the span has one too many
    ("Put the stone away, it is dear.", ("stone", 2), ("hers", 4), "Put the * stone * away, it is dear."),  # another word there: not marked
    ("Put the stone away, it is dear.", ("pebble", 2), ("it", 4), "Put the stone away, # it # is dear."),
]
rows = [{"text": t, "target": {"span1_text": a[0], "span1_index": a[1], "span2_text": b[0], "span2_index": b[1]}, "idx": i, "label": i % 2 == 0}
        for i, (t, a, b, _) in enumerate(wsc)]
text = [example("superglue-wsc.fixed text: " + marked, str(int(i % 2 == 0))) for i, (_, _, _, marked) in enumerate(wsc)]
case("wsc", {"WSC/train.jsonl": lines(rows)}, train=text)
case("wsc", {"super_glue/wsc.fixed/train.jsonl": lines([{"text": row["text"], **row["target"], "idx": row["idx"], "label": int(row["label"])} for row in rows])}, train=text)

# --- MRQA, SQuAD's own files, DROP ---


def pad(text):  # T5's rule for punctuation
    return regex.sub(r"\s+", " ", regex.sub(r"([^_\s\p{N}\p{L}\p{M}])", r" \1 ", text))


context = "Zoë's café (Kyōto, 日本) sold 3½ cakes_for £5\u00a0each.\n\nBo said: “E\u0301t… non!”"
asked = [("q1", "Who's Zoë?", ["Kyōto", "Kyōto", "Kyōto, 日本"]), ("q2", "How much ", ["£5"])]


def answered(prefix, texts=context):
    rows = []
    for number, question, answers in asked:
        unique = list(dict.fromkeys(pad(answer) for answer in answers))
        rows.append(example(f"{prefix} question: {pad(question)} context: {pad(texts)}", unique[0], unique, number))
    return rows


header = {"header": {"dataset": "Made up", "split": "train"}}
line = {"id": "", "context": context, "context_tokens": [], "qas": [
    {"qid": number, "question": question, "question_tokens": [], "answers": answers, "detected_answers": []} for number, question, answers in asked]}
sets = {"squad": "SQuAD", "newsqa": "NewsQA", "nq": "NaturalQuestionsShort", "hotpotqa": "HotpotQA", "searchqa": "SearchQA", "triviaqa": "TriviaQA-web"}
for task, name in sets.items():
    case(task, {f"mrqa/train/{name}.jsonl": lines([header, line]), f"mrqa/dev/{name}.jsonl": lines([header, line])},
         train=answered("squad"), validation=answered("squad"))
    exported = [{"subset": "SQuAD" if task == "newsqa" else "NewsQA", "context": "no", "qid": "0", "question": "no", "answers": ["no"]}]
    exported += [{"subset": name, "context": context, "qid": number, "question": question, "answers": answers} for number, question, answers in asked]
    case(task, {"mrqa/plain_text/train.jsonl": lines(exported)}, train=answered("squad"))
article = {"title": "Made up", "paragraphs": [{"context": context, "qas": [
    {"id": number, "question": question, "answers": [{"text": answer, "answer_start": 0} for answer in answers]} for number, question, answers in asked]}]}
case("squad", {"squad/train-v1.1.json": json.dumps({"data": [article], "version": "1.1"})}, train=answered("squad"))
case("squad", {"squad/plain_text/train.jsonl": lines([
    {"id": number, "title": "Made up", "context": context, "question": question, "answers": {"text": answers, "answer_start": [0] * len(answers)}}
    for number, question, answers in asked])}, train=answered("squad"))

nothing = {"number": "", "date": {"day": "", "month": "", "year": ""}, "spans": []}
drop = {"passage_1": {"passage": context, "qa_pairs": [
    {"question": "How many?", "query_id": "a", "answer": {**nothing, "number": "3.5"}, "validated_answers": [{**nothing, "number": "3.5"}, {**nothing, "spans": ["3½"]}]},
    {"question": "When?", "query_id": "b", "answer": {**nothing, "date": {"day": "7", "month": "May", "year": ""}}},
    {"question": "Who?", "query_id": "c", "answer": {**nothing, "spans": ["Zoë", "Bo"]}},
    {"question": "Why?", "query_id": "d", "answer": nothing}], "wiki_url": ""}}
text = [example(f"drop question: {pad(question)} context: {pad(context)}", pad(answers[0]), [pad(a) for a in answers], number)
        for number, question, answers in (("a", "How many?", ["3.5", "3½"]), ("b", "When?", ["7 May"]), ("c", "Who?", ["Zoë"]))]
case("drop", {"drop_dataset/drop_dataset_train.json": json.dumps(drop)}, train=text)
text = [{**row, "references": row["references"][:1]} for row in text]
case("drop", {"drop/data/train.jsonl": lines([
    {"section_id": "s", "query_id": number, "passage": context, "question": question, "answers_spans": {"spans": spans, "types": ["x"] * len(spans)}}
    for number, question, spans in (("a", "How many?", ["3.5"]), ("b", "When?", ["7 May"]), ("c", "Who?", ["Zoë", "Bo"]), ("d", "Why?", []))])}, train=text)

# --- others ---

winogrande = [{"qID": "1", "sentence": "The cup would not go into the bag as the _ was small.", "option1": "cup", "option2": "bag", "answer": "2"},
              {"qID": "2", "sentence": "The cup would not go into the bag as the _ was big.", "option1": "cup", "option2": "bag", "answer": "1"}]
text = [example("winogrande sentence: {sentence} option0: {option1} option1: {option2}".format(**row), str(int(row["answer"]) - 1)) for row in winogrande]
case("winogrande", {"winogrande_1.1/train_s.jsonl": lines(winogrande), "winogrande_1.1/train_xs.jsonl": lines(winogrande[:1]), "winogrande_1.1/dev.jsonl": lines(winogrande[1:])},
     train=text, validation=text[1:])
case("winogrande", {"winogrande/winogrande_xl/train.jsonl": lines(winogrande)}, train=text)

reviews = [("1", "Bad.\\n\\nSaid \"no\", twice."), ("2", "Good, new\\nnames; 10/10 \\ fine")]
text = [example("yelp_polarity sentence: " + t.replace("\\n", "\n"), str(int(c) - 1)) for c, t in reviews]
case("yelp_polarity", {"yelp_review_polarity_csv/train.csv": csv_text(reviews), "yelp_review_polarity_csv/test.csv": csv_text(reviews[:1])}, train=text, test=text[:1])
case("yelp_polarity", {"yelp_polarity/plain_text/train.jsonl": lines([{"text": t.replace('"', '""'), "label": int(c) - 1} for c, t in reviews])}, train=text)

products = [("2", "Fine", "Works,\\nwell"), ("1", "\"Not\" fine", "Broke")]
text = [example(f"amazon_polarity sentence: <title> {t} <context> {b}".replace("\\n", "\n"), str(int(c) - 1)) for c, t, b in products]
case("amazon_polarity", {"amazon_review_polarity_csv/train.csv": csv_text(products)}, train=text)
case("amazon_polarity", {"amazon_polarity/train.jsonl": lines([{"label": int(c) - 1, "title": t, "content": b} for c, t, b in products])}, train=text)

news = [(str(c), f"Title {c}", "Body, it's \"new\\now\"") for c in (1, 2, 3, 4)]
text = [example(f"ag_news sentence: {t} {b}", str(int(c) - 1)) for c, t, b in news]
case("ag_news", {"ag_news_csv/train.csv": csv_text(news)}, train=text)
case("ag_news", {"ag_news/data/train.jsonl": lines([{"text": f"{t} {b}", "label": int(c) - 1} for c, t, b in news])}, train=text)

scitail = [("Water boils.", "Water gets hot.", "entails"), ("Water boils.", "Water is blue.", "neutral")]
text = [example(f"scitail premise: {a} hypothesis: {b}", "0" if y == "entails" else "1") for a, b, y in scitail]
stem = "SciTailV1.1/snli_format/scitail_1.0_"
rows = lines([{"sentence1": a, "sentence2": b, "gold_label": "entailment" if y == "entails" else y, "annotator_labels": [y]} for a, b, y in scitail])
case("scitail", {stem + "train.txt": rows, stem + "dev.txt": rows, stem + "test.txt": rows}, train=text, validation=text, test=text)
stem = "SciTailV1.1/tsv_format/scitail_1.0_"
rows = tsv([list(row) for row in scitail])
case("scitail", {stem + "train.tsv": rows, stem + "dev.tsv": rows, stem + "test.tsv": rows}, train=text, validation=text, test=text)
case("scitail", {"scitail/tsv_format/train.jsonl": lines([{"premise": a, "hypothesis": b, "label": y} for a, b, y in scitail])}, train=text)

paws = [("Ann saw Bo .", "Bo saw Ann .", "0"), ("Ann sang .", "Ann did sing .", "1")]
text = [example(f"paws sentence1: {a} sentence2: {b}", y) for a, b, y in paws]
rows = tsv([[str(i), *row] for i, row in enumerate(paws)], ["id", "sentence1", "sentence2", "label"])
case("paws", {f"paws/final/{split}.tsv": rows for split in ("train", "dev", "test")}, train=text, validation=text, test=text)
case("paws", {f"final/{split}.tsv": rows for split in ("train", "dev", "test")}, train=text, validation=text, test=text)
case("paws", {"paws/labeled_final/train.jsonl": lines([{"id": 1, "sentence1": a, "sentence2": b, "label": int(y)} for a, b, y in paws])}, train=text)

text = [example(f"snli premise: {a} hypothesis: {b}", mnli_labels[y]) for a, b, y in mnli if y != "-"]
rows = lines([{"sentence1": a, "sentence2": b, "gold_label": y, "annotator_labels": []} for a, b, y in mnli])
case("snli", {f"snli_1.0/snli_1.0_{split}.jsonl": rows for split in ("train", "dev", "test")}, train=text, validation=text, test=text)
rows = lines([{"premise": a, "hypothesis": b, "label": int(mnli_labels.get(y, -1))} for a, b, y in mnli])
case("snli", {"snli/plain_text/train.jsonl": rows}, train=text)

rounds = {r: [{"uid": f"{r}{y}", "context": f"C{r}", "hypothesis": f"H{y}", "label": y, "reason": ""} for y in "enc"] for r in (1, 2, 3)}
text = {r: [example("anli premise: {context} hypothesis: {hypothesis}".format(**row), str("enc".index(row["label"]))) for row in rows] for r, rows in rounds.items()}
files = {f"anli_v1.0/R{r}/{split}.jsonl": lines(rows) for r, rows in rounds.items() for split in ("train", "dev", "test")}
hub_files = {f"anli/plain_text/{split}_r{r}.jsonl": lines([{"uid": "1", "premise": row["context"], "hypothesis": row["hypothesis"], "label": "enc".index(row["label"])} for row in rows])
             for r, rows in rounds.items() for split in ("train", "dev", "test")}
for r in (1, 2, 3):
    for each in (files, hub_files):
        case(f"anli_r{r}", each, train=text[r], validation=text[r], test=text[r])
for each in (files, hub_files):
    case("anli", each, train=text[1] + text[2] + text[3], test=text[1] + text[2] + text[3])

films = {"pos/0_9.txt": "A fine film.<br /><br />Yes.", "neg/1_2.txt": "No.", "unsup/0_0.txt": "?", "urls_pos.txt": "http"}
text = [example("imdb sentence: " + films[name], "1" if name.startswith("pos") else "0") for name in sorted(films) if name[:3] in ("pos", "neg")]
case("imdb", {f"aclImdb/{split}/{name}": t for name, t in films.items() for split in ("train", "test")}, train=text, test=text)
case("imdb", {"imdb/plain_text/train.jsonl": lines([{"text": films[n], "label": int(n.startswith("pos"))} for n in ("neg/1_2.txt", "pos/0_9.txt")])}, train=text)

goals = [{"id": "a", "goal": "Open a jar", "sol1": "Turn the lid.", "sol2": "Turn the floor."}, {"id": "b", "goal": "Dry a cup", "sol1": "Use rain.", "sol2": "Use a cloth."}]
text = [example("piqa question: {goal} choice1: {sol1} choice2: {sol2}".format(**row), str(i)) for i, row in enumerate(goals)]
for folder, dev in (("physicaliqa-train-dev", "dev"), ("piqa", "valid")):
    case("piqa", {f"{folder}/{split}{end}": contents for split in ("train", dev) for end, contents in ((".jsonl", lines(goals)), ("-labels.lst", "0\n1\n"))},
         train=text, validation=text)
case("piqa", {"piqa/plain_text/train.jsonl": lines([{"goal": row["goal"], "sol1": row["sol1"], "sol2": row["sol2"], "label": i} for i, row in enumerate(goals)])}, train=text)

social = [{"context": "Ann fell.", "question": "Why?", "answerA": "it rained", "answerB": "she sang", "answerC": "no one saw"}] * 3
text = [example("social_i_qa question: {question} context: {context} || choice0: {answerA} || choice1: {answerB} || choice2: {answerC}".format(**row), str(i)) for i, row in enumerate(social)]
case("social_iqa", {f"socialiqa-train-dev/{split}{end}": contents for split in ("train", "dev") for end, contents in ((".jsonl", lines(social)), ("-labels.lst", "1\n2\n3\n"))},
     train=text, validation=text)
case("social_iqa", {"social_i_qa/train.jsonl": lines([{**row, "label": f"{i + 1}\n"} for i, row in enumerate(social)])}, train=text)

words = ["sea", "sand", "sky", "road", "roof"]
text = [example("commonsense_qa question: Where is a boat? " + " ".join(f"choice{i + 1}: {w}" for i, w in enumerate(words)), target) for target in "04"]
rows = [{"answerKey": key, "id": key, "question": {"question_concept": "boat", "stem": "Where is a boat?", "choices": [{"label": "ABCDE"[i], "text": w} for i, w in enumerate(words)]}} for key in "AE"]
case("commonsense_qa", {"commonsense_qa/train_rand_split.jsonl": lines(rows), "commonsense_qa/dev_rand_split.jsonl": lines(rows)}, train=text, validation=text)
case("commonsense_qa", {"commonsense_qa/data/train.jsonl": lines([{"id": key, "question": "Where is a boat?", "question_concept": "boat", "choices": {"label": list("ABCDE"), "text": words}, "answerKey": key} for key in "AE"])}, train=text)

# --- generation ---

texts = [("It rained all day. Then it stopped.", "Rain stops."), ("Ann sang a \"song\".", "A song.")]
for task, document, summary, files in (
        ("xsum", "document", "summary", ("xsum/{}.jsonl",)), ("samsum", "dialogue", "summary", ("samsum/samsum/{}.jsonl",)),
        ("cnn_dailymail", "article", "highlights", ("cnn_dailymail/3.0.0/{}.jsonl",))):
    text = [example(f"{task} summarize: {a}", b) for a, b in texts]
    case(task, {files[0].format(split): lines([{document: a, summary: b, "id": "1"} for a, b in texts]) for split in ("train", "validation", "test")},
         train=text, validation=text, test=text)
for task, folder in (("xsum", "xsum"), ("cnn_dailymail", "cnn_dm")):
    text = [example(f"{task} summarize: {a}", b) for a, b in texts]
    case(task, {f"{folder}/{split}.{end}": "".join(pair[i] + "\n" for pair in texts) for split in ("train", "val", "test") for i, end in enumerate(("source", "target"))},
         train=text, validation=text, test=text)
text = [example(f"samsum summarize: {a}\r\n", b) for a, b in texts]
case("samsum", {f"samsum/{split}.json": json.dumps([{"id": "1", "summary": b, "dialogue": a + "\r\n"} for a, b in texts]) for split in ("train", "val", "test")},
     train=text, validation=text, test=text)


# As the Hub's script for XSum has it, and See et al.'s for CNN / Daily Mail without its lower case.
def bbc_summary(text):
    page = ("Share this with", "Email", "Facebook", "Messenger", "Twitter", "Pinterest", "WhatsApp", "Linkedin", "LinkedIn",
            "Copy this link", "These are external links and will open in a new window")
    kept = [line for line in io.StringIO(text.replace("\r\n", "\n")) if line.rstrip("\n") not in page and line.strip()]
    sections = "".join(kept).split("[SN]")
    return sections[8].strip(), sections[6].strip()


def story(text):
    article, highlights, into = [], [], None
    for line in text.replace("\r\n", "\n").split("\n"):
        line = line.strip()
        if "@highlight" not in line and line and line[-1] not in (".", "!", "?", "...", "'", "`", '"', "\u2019", "\u201d", ")"):
            line += " ."
        if line.startswith("@highlight"):
            into = highlights
        elif line:
            (article if into is None else into).append(line)
    return " ".join(article), "\n".join(highlights)


def listed(task, documents, form, **split_lists):
    """`split_lists`: split → its documents' names, in order."""
    return {split: [example(f"{task} summarize: {a}", b) for a, b in (form(documents[name]) for name in names)]
            for split, names in split_lists.items()}


bbc = {
    "30": "[SN]URL[SN]\nhttp://example.org/30\n\n[SN]TITLE[SN]\nRain\n\n[SN]FIRST-SENTENCE[SN]\nIt rained.\n\n[SN]RESTBODY[SN]\nShare this with\nEmail\nIt rained \"all\" day.\n\n \u00a0\nIt stopped.\n",
    "4": "[SN]URL[SN]\r\nx\r\n\r\n[SN]TITLE[SN]\r\nSong\r\n\r\n[SN]FIRST-SENTENCE[SN]\r\nAnn sang \u201cLa\u201d.\u2003\r\n\r\n[SN]RESTBODY[SN]\r\n  She sang.\r\nThese are external links and will open in a new window\r\nEmail her\r\n\r\n",
    "5": "[SN]URL[SN]\n\n[SN]TITLE[SN]\n\n[SN]FIRST-SENTENCE[SN]\nOne\nand two.\n\n[SN]RESTBODY[SN]\n",
    "6": "[SN]in no list",
}
lists = {"train": ["5", "30"], "validation": ["4"], "test": ["30", "4", "5"]}
for folder in ("", "xsum/"):
    case("xsum", {f"{folder}XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json": json.dumps(lists), **{f"{folder}bbc-summary-data/{name}.summary": text for name, text in bbc.items()}},
         **listed("xsum", bbc, bbc_summary, **lists))

stories = {
    "http://www.cnn.com/a": "LONDON (CNN) -- It rained\n\nA caption\n\nIt stopped.\u00a0\n\n@highlight\n\nRain stops\n\n@highlight\n\nIs it wet?\n",
    "http://www.dailymail.co.uk/b.html": "By . Ann\r\n\r\nHe said: \u201cno\u201d\r\n\r\nsee (below)\r\n\r\nfoo@highlight bar\r\n\r\n@highlight\r\n\r\n\u2003Caf\u00e9 shut\r\n",
    "http://www.cnn.com/c": "One\r\rtwo!\n@highlight\nIt's Ann's'\n",
}
rain, ann, one = stories
lists = {"train": [one, ann, rain], "val": [ann], "test": [rain, one]}
for folder, of_lists in (("", "url_lists/"), ("", ""), ("cnn_dailymail/", "")):
    files = {f"{folder}{'cnn' if 'cnn' in url else 'dailymail'}/stories/{hashlib.sha1(url.encode()).hexdigest()}.story": text for url, text in stories.items()}
    files.update({f"{folder}{of_lists}all_{split}.txt": "".join(url + "\n" for url in urls) for split, urls in lists.items()})
    case("cnn_dailymail", files, **{"validation" if split == "val" else split: of for split, of in listed("cnn_dailymail", stories, lambda text: story(text.replace("\r\n", "\n").replace("\r", "\n")), **lists).items()})

output = pathlib.Path(__file__).with_suffix(".json")
output.write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
print(f"{output}: {len(cases)} cases of {len({case['task'] for case in cases})} tasks")
