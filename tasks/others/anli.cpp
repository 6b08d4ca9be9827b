#include "others.h"

// ANLI (Nie et al. 2020): does the context entail the hypothesis, contradict it, or neither? Written in three rounds to
// mislead the models of their time: 16,946, 45,460 and 100,459 pairs to train on, 1,000, 1,000 and 1,200 to test.
// "anli" is all rounds together.
atp::TextTask atp::others::anli(const std::string& name, const std::string& round) {
  SplitPaths paths, exported;
  for (const std::string split : {"train", "dev", "test"}) {
    paths.push_back({split, "anli_v1.0/R" + round + "/" + split + ".jsonl"});
    exported.push_back({split == "dev" ? "validation" : split, split + "_r" + round});
  }
  return {
      .name = name,
      .suite = "others",
      .summary = round == "*" ? "entailment, contradiction or neither? all three rounds"
                              : "entailment, contradiction or neither? round " + round,
      .origin = "ANLI is distributed by its authors (github.com/facebookresearch/anli, anli_v1.0.zip)",
      .licence = "CC BY-NC 4.0",
      .files = jsonl(paths),
      .other_forms = hub_forms("anli", "plain_text", {{"premise", "context"}}, exported),
      .splits = Splits::hold_out,
      .labels = {{"e", "0"}, {"n", "1"}, {"c", "2"}},
      .metrics = {"accuracy"},
      .prefix = "anli",
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["context"] + " hypothesis: " + row["hypothesis"],
                           .target = row["label"]};
          },
  };
}
