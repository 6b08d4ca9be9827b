#include "glue.h"

// SST-2 (Socher et al. 2013): is the phrase of a film review positive? 67,349 phrases to train on, 872 sentences in
// dev.
atp::TextTask atp::glue::sst2() {
  return {
      .name = "sst2",
      .suite = "GLUE",
      .summary = "is a film review's sentence positive?",
      .origin = "SST-2 is distributed with GLUE (gluebenchmark.com, tasks › SST-2)",
      .licence = "not stated by its authors",
      .files = tsv({{"train", "SST-2/train.tsv"}, {"dev", "SST-2/dev.tsv"}}),
      .other_forms = {hub("glue/sst2")},
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) { return Example{.source = "sentence: " + row["sentence"], .target = row["label"]}; },
  };
}
