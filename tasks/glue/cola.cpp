#include "glue.h"

// CoLA (Warstadt et al. 2019): is the sentence acceptable English? 8,551 sentences to train on, 1,043 in dev; the files
// have no header: source, label, the author's mark, sentence.
atp::TextTask atp::glue::cola() {
  return {
      .name = "cola",
      .suite = "GLUE",
      .summary = "is the sentence acceptable English?",
      .origin = "CoLA is distributed with GLUE (gluebenchmark.com, tasks › CoLA)",
      .licence = "text from linguistics publications, for research",
      .files = tsv({{"train", "CoLA/train.tsv"}, {"dev", "CoLA/dev.tsv"}}, {"source", "label", "mark", "sentence"}),
      .other_forms = {hub("glue/cola")},
      .splits = Splits::halve_dev,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"matthews"},
      .render =
          [](const Row& row) { return Example{.source = "sentence: " + row["sentence"], .target = row["label"]}; },
  };
}
