#include "others.h"

// WinoGrande (Sakaguchi et al. 2020): which of two options belongs into the sentence's blank, `_`? 40,398 sentences to
// train on (train_xl; the largest file that is there serves), 1,267 in dev.
atp::TextTask atp::others::winogrande() {
  SplitPaths paths;
  for (const char* size : {"xl", "l", "m", "s", "xs"})
    paths.push_back({"train", std::string("winogrande_1.1/train_") + size + ".jsonl"});
  paths.push_back({"dev", "winogrande_1.1/dev.jsonl"});
  return {
      .name = "winogrande",
      .suite = "others",
      .summary = "which of two options belongs into the blank?",
      .origin = "WinoGrande is distributed by its authors (winogrande.allenai.org, winogrande_1.1.zip)",
      .licence = "CC BY",
      .files = jsonl(paths),
      .other_forms = hub_forms("winogrande", "winogrande_xl"),
      .splits = Splits::hold_out,
      .labels = {{"1", "0"}, {"2", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence: " + row["sentence"] + " option0: " + row["option1"] +
                                     " option1: " + row["option2"],
                           .target = row["answer"]};
          },
  };
}
