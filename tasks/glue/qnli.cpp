#include "glue.h"

// QNLI (Demszky et al. 2018): does the sentence answer the question? 104,743 pairs to train on, 5,463 in dev, made from
// SQuAD.
atp::TextTask atp::glue::qnli() {
  auto files = tsv({{"train", "QNLI/train.tsv"}, {"dev", "QNLI/dev.tsv"}});
  files.archives = {"QNLIv2"};
  return {
      .name = "qnli",
      .suite = "GLUE",
      .summary = "does the sentence answer the question?",
      .origin = "QNLI is distributed with GLUE (gluebenchmark.com, tasks › QNLI)",
      .licence = "CC BY-SA 4.0, as SQuAD's",
      .files = files,
      .other_forms = {hub("glue/qnli")},
      .splits = Splits::hold_out,
      .labels = {{"entailment", "0"}, {"not_entailment", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "question: " + row["question"] + " sentence: " + row["sentence"],
                           .target = row["label"]};
          },
  };
}
