#include "glue.h"

// QQP (Quora 2017): do two questions ask the same? 363,849 pairs to train on, 40,430 in dev; a few rows of the files
// are broken.
atp::TextTask atp::glue::qqp() {
  auto files = tsv({{"train", "QQP/train.tsv"}, {"dev", "QQP/dev.tsv"}});
  files.archives = {"QQP-clean"};
  return {
      .name = "qqp",
      .suite = "GLUE",
      .summary = "do two questions ask the same?",
      .origin = "QQP is distributed with GLUE (gluebenchmark.com, tasks › QQP)",
      .licence = "Quora's terms of service, not for commerce",
      .files = files,
      .other_forms = {hub("glue/qqp", {{"label", "is_duplicate"}})},
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy", "f1"},
      .render =
          [](const Row& row) {
            return Example{.source = "question1: " + row["question1"] + " question2: " + row["question2"],
                           .target = row["is_duplicate"]};
          },
  };
}
