#include "superglue.h"

// BoolQ (Clark et al. 2019): is the answer to the question yes, by what the passage says? 9,427 questions to train on,
// 3,270 in val.
atp::TextTask atp::superglue::boolq() {
  return {
      .name = "boolq",
      .suite = "SuperGLUE",
      .summary = "is the answer yes, by what the passage says?",
      .origin = "BoolQ is distributed with SuperGLUE (super.gluebenchmark.com, tasks › BoolQ)",
      .licence = "CC BY-SA 3.0",
      .files = folder("BoolQ"),
      .other_forms = {hub("super_glue/boolq")},
      .splits = Splits::halve_dev,
      .labels = {{"false", "0"}, {"true", "1"}},
      .metrics = {"accuracy"},
      .prefix = "superglue-boolq",
      .render =
          [](const Row& row) {
            return Example{.source = "question: " + row["question"] + " passage: " + row["passage"],
                           .target = row["label"]};
          },
  };
}
