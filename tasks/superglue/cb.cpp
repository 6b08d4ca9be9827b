#include "superglue.h"

// CommitmentBank (de Marneffe et al. 2019): is the author committed to the hypothesis, to its contrary, or to neither?
// 250 texts to train on, 56 in val.
atp::TextTask atp::superglue::cb() {
  return {
      .name = "cb",
      .suite = "SuperGLUE",
      .summary = "does the premise entail the hypothesis, contradict it, or neither?",
      .origin = "CB is distributed with SuperGLUE (super.gluebenchmark.com, tasks › CommitmentBank)",
      .licence = "not stated by its authors",
      .files = folder("CB"),
      .other_forms = {hub("super_glue/cb")},
      .splits = Splits::halve_dev,
      .labels = {{"entailment", "0"}, {"contradiction", "1"}, {"neutral", "2"}},
      .metrics = {"accuracy", "macro_f1"},
      .prefix = "superglue-cb",
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["premise"] + " hypothesis: " + row["hypothesis"],
                           .target = row["label"]};
          },
  };
}
