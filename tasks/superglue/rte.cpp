#include "superglue.h"

// RTE once more, as SuperGLUE distributes it: the rows are GLUE's (2,490 to train on, 277 in val), the words before
// premise and hypothesis are others.
atp::TextTask atp::superglue::rte() {
  return {
      .name = "superglue-rte",
      .suite = "SuperGLUE",
      .summary = "does the premise entail the hypothesis?",
      .origin = "RTE is distributed with SuperGLUE (super.gluebenchmark.com, tasks › RTE)",
      .licence = "not stated by its authors",
      .files = folder("RTE"),
      .other_forms = {hub("super_glue/rte")},
      .splits = Splits::halve_dev,
      .labels = {{"entailment", "0"}, {"not_entailment", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["premise"] + " hypothesis: " + row["hypothesis"],
                           .target = row["label"]};
          },
  };
}
