#include "others.h"

namespace {

// Labels stand beside the rows: train.jsonl and train-labels.lst. In the archive dev is "dev", on the authors' page
// "valid".
atp::Files::Split split(const std::string& name, const std::string& in_archive, const std::string& on_page) {
  const std::string archive = "physicaliqa-train-dev/" + in_archive, page = "piqa/" + on_page;
  return {name, {archive + ".jsonl", page + ".jsonl"}, {archive + "-labels.lst", page + "-labels.lst"}};
}

}  // namespace

// PIQA (Bisk et al. 2020): which of two ways reaches a goal in the physical world? 16,113 goals to train on, 1,838 in
// dev.
atp::TextTask atp::others::piqa() {
  return {
      .name = "piqa",
      .suite = "others",
      .summary = "which of two ways reaches the goal?",
      .origin = "PIQA is distributed by its authors (yonatanbisk.com/piqa, or physicaliqa-train-dev.zip)",
      .licence = "Academic Free License 3.0",
      .files = {.format = Files::Format::jsonl,
                .splits = {split("train", "train", "train"), split("dev", "dev", "valid")}},
      .other_forms = hub_forms("piqa", "plain_text"),
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{
                .source = "question: " + row["goal"] + " choice1: " + row["sol1"] + " choice2: " + row["sol2"],
                .target = row["label"]};
          },
  };
}
