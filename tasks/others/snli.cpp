#include "others.h"

// SNLI (Bowman et al. 2015): does the picture's caption entail the hypothesis, contradict it, or neither? 549,367 pairs
// to train on, 9,842 in dev, 9,824 to test. Pairs on which the annotators did not agree ("-", or -1) are no examples.
atp::TextTask atp::others::snli() {
  return {
      .name = "snli",
      .suite = "others",
      .summary = "does the caption entail the hypothesis, contradict it, or neither?",
      .origin = "SNLI is distributed by its authors (nlp.stanford.edu/projects/snli, snli_1.0.zip)",
      .licence = "CC BY-SA 4.0",
      .files = jsonl({{"train", "snli_1.0/snli_1.0_train.jsonl"},
                      {"dev", "snli_1.0/snli_1.0_dev.jsonl"},
                      {"test", "snli_1.0/snli_1.0_test.jsonl"}}),
      .other_forms = hub_forms("snli", "plain_text",
                               {{"premise", "sentence1"}, {"hypothesis", "sentence2"}, {"label", "gold_label"}}),
      .splits = Splits::hold_out,
      .labels = {{"entailment", "0"}, {"neutral", "1"}, {"contradiction", "2"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["sentence1"] + " hypothesis: " + row["sentence2"],
                           .target = row["gold_label"]};
          },
      .left_out = [](const Row& row) { return row["gold_label"] == "-" || row["gold_label"] == "-1"; },
  };
}
