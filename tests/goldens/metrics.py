"""Scores by scikit-learn, and SQuAD's answer normalisation in plain Python → metrics.json.

  python tests/goldens/metrics.py      (scikit-learn 1.x)

Predictions outside the label set are prepared as T5's own metrics do it: for F1 they become the opposite label, for the
others a class of its own.
"""
import json
import pathlib
import random
import re
import string
import warnings

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


golden = {"classification": classification(), "answers": answers(), "exact_match": exact_match()}
(here / "metrics.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
