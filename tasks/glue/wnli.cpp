#include "glue.h"

// WNLI (Levesque et al. 2012, cast by GLUE): does the second sentence, with a pronoun's noun put in, follow from the
// first? 635 pairs to train on, 71 in dev.
atp::TextTask atp::glue::wnli() {
  return {
      .name = "wnli",
      .suite = "GLUE",
      .summary = "does a sentence with the pronoun's noun put in follow?",
      .origin = "WNLI is distributed with GLUE (gluebenchmark.com, tasks › WNLI)",
      .licence = "not stated by its authors",
      .files = tsv({{"train", "WNLI/train.tsv"}, {"dev", "WNLI/dev.tsv"}}),
      .other_forms = {hub("glue/wnli")},
      .splits = Splits::halve_dev,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"],
                           .target = row["label"]};
          },
  };
}
