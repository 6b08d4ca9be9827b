#include "glue.h"

// MRPC (Dolan & Brockett 2005): do two sentences from the news say the same? 3,668 pairs to train on, 408 in dev.
// Quotation marks in the files are part of the sentences.
atp::TextTask atp::glue::mrpc() {
  return {
      .name = "mrpc",
      .suite = "GLUE",
      .summary = "do two sentences from the news say the same?",
      .origin =
          "MRPC is Microsoft's (Microsoft Research Paraphrase Corpus); GLUE's download script cuts train.tsv and "
          "dev.tsv from it",
      .licence = "Microsoft Research's shared source licence, for research",
      .files = tsv({{"train", "MRPC/train.tsv"}, {"dev", "MRPC/dev.tsv"}}),
      .other_forms = {hub("glue/mrpc", {{"sentence1", "#1 String"}, {"sentence2", "#2 String"}, {"label", "Quality"}})},
      .splits = Splits::halve_dev,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy", "f1"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["#1 String"] + " sentence2: " + row["#2 String"],
                           .target = row["Quality"]};
          },
  };
}
