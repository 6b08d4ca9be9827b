#include "glue.h"

// MNLI (Williams et al. 2018): does the premise entail the hypothesis, contradict it, or neither? 392,702 pairs to
// train on. Validation are the 9,832 pairs of genres that train.tsv does not have (mismatched), test the 9,815 of those
// that it has. Pairs without a gold label, "-", are no examples.
atp::TextTask atp::glue::mnli() {
  return {
      .name = "mnli",
      .suite = "GLUE",
      .summary = "does the premise entail the hypothesis, contradict it, or neither?",
      .origin = "MNLI is distributed with GLUE (gluebenchmark.com, tasks › MultiNLI)",
      .licence = "OANC's; parts are CC BY 3.0 and CC BY-SA 3.0",
      .files = tsv(
          {{"train", "MNLI/train.tsv"}, {"validation", "MNLI/dev_mismatched.tsv"}, {"test", "MNLI/dev_matched.tsv"}}),
      .other_forms = {hub("glue/mnli", {{"premise", "sentence1"}, {"hypothesis", "sentence2"}, {"label", "gold_label"}},
                          {{"validation", "validation_mismatched"}, {"test", "validation_matched"}})},
      .labels = {{"entailment", "0"}, {"neutral", "1"}, {"contradiction", "2"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["sentence1"] + " hypothesis: " + row["sentence2"],
                           .target = row["gold_label"]};
          },
      .left_out = [](const Row& row) { return row["gold_label"] == "-"; },
  };
}
