"""Scores by scikit-learn, scipy, sacrebleu and rouge-score, and SQuAD's and MultiRC's definitions in plain Python →
metrics.json.

  python tests/goldens/metrics.py      (scikit-learn 1.x, scipy 1.x, sacrebleu 2.x, rouge-score 0.1)

rouge-score stems with NLTK's own variant of Porter's algorithm, atp with the original one (docs/metrics.md); the words
below are none of those that the variant stems otherwise.

Predictions outside the label set are prepared as T5's own metrics do it: for F1 they become the opposite label, for the
others a class of its own.
"""
import collections
import json
import math
import pathlib
import random
import re
import string
import warnings

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

here = pathlib.Path(__file__).resolve().parent
warnings.simplefilter("ignore")


def scores(labels, references, predictions):
    index = {label: i for i, label in enumerate(labels)}
    truth = [index[r] for r in references]
    guess = [index.get(p, -1) for p in predictions]
    result = {
        "accuracy": accuracy_score(truth, guess),
        "macro_f1": f1_score(truth, guess, labels=range(len(labels)), average="macro", zero_division=0),
        "matthews": matthews_corrcoef(truth, guess),
    }
    if len(labels) == 2:
        opposite = [1 - t if g < 0 else g for t, g in zip(truth, guess)]
        result["f1"] = f1_score(truth, opposite, pos_label=1, zero_division=0)
    return {name: 100 * float(value) for name, value in result.items()}


def classification():
    choose = random.Random(7)
    two, three = ["0", "1"], ["entailment", "contradiction", "neutral"]
    cases = [
        (two, "1 1 0 0".split(), "1 1 0 0".split()),
        (two, "1 1 0 0".split(), "0 0 1 1".split()),
        (two, "1 1 1 1".split(), "1 1 1 1".split()),
        (two, "0 0 0".split(), "0 0 0".split()),
        (two, "0 1 0 1".split(), "1 1 1 1".split()),
        (two, "0 1 0 1 1".split(), ["", "2", "yes", "1", "0"]),
        (two, "1 0 1".split(), ["", "", ""]),
        (three, "neutral neutral entailment".split(), "neutral entailment entailment".split()),
        (three, "neutral contradiction entailment".split(), ["neutral", "", "Neutral"]),
        (two, ["1"], ["1"]),
        (two, ["1"], ["0"]),
    ]
    for labels in (two, three):
        for wrong in (0.0, 0.2, 0.9):
            references = [choose.choice(labels) for _ in range(97)]
            predictions = [choose.choice(labels + ["other", ""]) if choose.random() < wrong else r for r in references]
            cases.append((labels, references, predictions))
    return [{"labels": l, "references": r, "predictions": p, "scores": scores(l, r, p)} for l, r, p in cases]


def normalised(text):  # as SQuAD's evaluation script does it
    text = text.lower()
    text = "".join(c for c in text if c not in set(string.punctuation))
    text = re.sub(r"\b(a|an|the)\b", " ", text)
    return " ".join(text.split())


def answers():
    texts = ["The Cat", "the cat!", "a an the", "", "  ", "An  apple\ta\nday", "U.S.A.", "the-end", "theatre", "A", "1,234.50",
             "École ÉCOLE", "Ñandú ПРИВЕТ ÅSE", "the\u00a0cat\u3000sat", "the–end a—b", "(a) [the] {an}", "an_other", "naïve a",
             "日本 the 語", "aé the-é éa", "'Tis the season", "the the the x", "$5 & 10%", "`code` ~tilde^", "ΑΒΓ Ω"]
    return [{"text": text, "normalised": normalised(text)} for text in texts]


def exact_match():
    references = [["Paris", "the city of Paris"], ["1,000"], ["an apple"], ["x"], [""], ["the"]]
    predictions = ["The City of Paris.", "1000", "Apple!", "y", "", "a"]
    right = [any(normalised(p) == normalised(r) for r in rs) for p, rs in zip(predictions, references)]
    return {"references": references, "predictions": predictions, "score": 100 * sum(right) / len(right)}


def token_f1(prediction, reference):  # as SQuAD 1.1's evaluation script does it
    given, wanted = normalised(prediction).split(), normalised(reference).split()
    shared = sum((collections.Counter(given) & collections.Counter(wanted)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def token_f1_cases():
    references = [["the cat sat"], ["a b c", "b c d e"], ["x"], [""], ["the"], ["one two two three"], ["École ÉCOLE"],
                  ["..."], ["Paris", "the city of Paris"], ["1,000"], ["a"], ["word " * 500]]
    predictions = ["cat sat down", "b c d", "y", "", "a", "two two two", "école", "", "Paris is a city", "1000", "b",
                   "word " * 400 + "other"]
    best = [max(token_f1(p, r) for r in rs) for p, rs in zip(predictions, references)]
    return {"references": references, "predictions": predictions, "rows": [100 * b for b in best],
            "score": 100 * sum(best) / len(best)}


def multirc():
    choose = random.Random(11)
    cases = []
    for wrong in (0.0, 0.1, 0.5, 1.0):
        groups, references, predictions = [], [], []
        for question in range(23):
            for _ in range(choose.randint(1, 6)):
                truth = choose.choice("01")
                groups.append(f"passage {question // 4}, question {question}")
                references.append(truth)
                predictions.append(choose.choice(["0", "1", "", "yes"]) if choose.random() < wrong else truth)
        order = list(range(len(groups)))
        choose.shuffle(order)  # rows of a question need not stand together
        groups, references, predictions = ([column[i] for i in order] for column in (groups, references, predictions))
        hits = collections.defaultdict(list)
        for g, r, p in zip(groups, references, predictions):
            hits[g].append(r == p)
        cases.append({"groups": groups, "references": references, "predictions": predictions,
                      "exact_match": 100 * sum(map(all, hits.values())) / len(hits),
                      "f1": scores(["0", "1"], references, predictions)["f1"]})
    return cases


def number(text):
    try:
        value = float(text)
    except ValueError:
        return -1.0
    return value if math.isfinite(value) else -1.0


def correlations():
    choose = random.Random(3)
    lists = [(["1.0", "2.0", "3.0"], ["1.0", "2.0", "3.0"]), (["1.0", "2.0", "3.0"], ["3", "2", "1"]),
             (["0.2", "3.8", "5.0", "3.8"], ["0.4", "3.8", "", "x"]), (["1", "2", "3"], ["2", "2", "2"]),
             (["2", "2"], ["1", "3"]), (["4.4"], ["4.4"]), (["1", "2", "3", "4"], ["nan", "inf", "-inf", "1e400"]),
             (["1", "2", "3", "4"], ["1e0", "+2", "-0", "4.0"]), (["1", "1", "2", "2", "3"], ["5", "5", "5", "1", "1"])]
    for size in (50, 200):
        wanted = [round(choose.randint(0, 25) / 5, 1) for _ in range(size)]
        given = [round(min(5, max(0, w + choose.gauss(0, 1))) * 5) / 5 for w in wanted]
        lists.append(([str(w) for w in wanted], [str(round(g, 1)) if choose.random() > 0.1 else "?" for g in given]))
    cases = []
    for references, predictions in lists:
        wanted, given = [float(r) for r in references], [number(p) for p in predictions]
        result = {}
        for name, function in (("pearson", pearsonr), ("spearman", spearmanr)):
            value = function(given, wanted)[0] if len(wanted) > 1 else 0.0
            result[name] = 0.0 if math.isnan(value) else 100 * float(value)
        cases.append({"references": references, "predictions": predictions, "scores": result})
    return cases


def summaries():
    choose = random.Random(5)
    words = ("the cat sat on a mat running runs ran quickly happily organisation organise national nations 12 3rd "
             "conditional conditions relational hopefulness U.S. don't naïve Überzug \u212aelvin \u0130zmir state-of-the-art "
             "e-mail, (see) [1] 1,234.5 $5.00 a.m. &quot;so&quot; &amp; x&lt;y “quoted” 日本 語").split()
    references, predictions = [], []
    for _ in range(24):
        lines = [" ".join(choose.choice(words) for _ in range(choose.randint(1, 12))) for _ in range(choose.randint(1, 4))]
        many = ["\n".join(lines)]
        if choose.random() < 0.4:
            many.append("\n".join(reversed(lines)) + " " + choose.choice(words))
        changed = [w if choose.random() < 0.7 else choose.choice(words) for w in " ".join(lines).split(" ")]
        cut = choose.randint(0, len(changed))
        references.append(many)
        predictions.append(" ".join(changed[:cut]) + "\n" + " ".join(changed[cut:]))
    awkward = [([""], ""), (["the cat"], ""), ([""], "the cat"), (["..."], "..."), (["a b c d"], "a b c d"), (["a"], "a"),
               (["b a b a b"], "a b a b a a a"), (["one-\ntwo <skipped> three."], "onetwo three. "),
               (["It is 3.5, or 3,5; 10-20 - yes."], "It is 3.5 , or 3,5; 10 -20- yes ."), (["x\u00a0y\u2003z"], "x y z"),
               (["a." * 40], "a. " * 40), (["short", "a much longer reference than that"], "a reference of middling length"),
               (["cat\n\ncat sat\ncat"], "cat cat\nsat cat\n\ncat cat")]
    for many, prediction in awkward:
        references.append(many)
        predictions.append(prediction)
    return references, predictions


def rouge(references, predictions):
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = rouge_scorer.RougeScorer(names, use_stemmer=True)
    rows = [scorer.score_multi(many, prediction) for many, prediction in zip(references, predictions)]
    return {name: [100 * row[name].fmeasure for row in rows] for name in names}


def bleu(references, predictions):
    width = max(map(len, references))
    streams = [[many[i] if i < len(many) else None for many in references] for i in range(width)]
    return BLEU().corpus_score(predictions, streams).score


def generation():
    references, predictions = summaries()
    return {"references": references, "predictions": predictions,
            "rouge": rouge(references, predictions),
            "bleu": bleu(references, predictions),
            "bleu_rows": [bleu([many], [prediction]) for many, prediction in zip(references, predictions)]}


golden = {"classification": classification(), "answers": answers(), "exact_match": exact_match(),
          "token_f1": token_f1_cases(), "multirc": multirc(), "correlations": correlations(), "generation": generation()}
(here / "metrics.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
