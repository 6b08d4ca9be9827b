#include "glue.h"

// RTE (Dagan et al. 2006 and the three challenges after it): does the first sentence entail the second? 2,490 pairs to
// train on, 277 in dev.
atp::TextTask atp::glue::rte() {
  return {
      .name = "rte",
      .suite = "GLUE",
      .summary = "does the first sentence entail the second?",
      .origin = "RTE is distributed with GLUE (gluebenchmark.com, tasks › RTE)",
      .licence = "not stated by its authors",
      .files = tsv({{"train", "RTE/train.tsv"}, {"dev", "RTE/dev.tsv"}}),
      .other_forms = {hub("glue/rte")},
      .splits = Splits::halve_dev,
      .labels = {{"entailment", "0"}, {"not_entailment", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"],
                           .target = row["label"]};
          },
  };
}
