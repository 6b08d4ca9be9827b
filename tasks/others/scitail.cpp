#include "others.h"

namespace {

const std::string folder = "SciTailV1.1/";

atp::SplitPaths paths(const std::string& format, const std::string& ending) {
  const std::string stem = folder + format + "/scitail_1.0_";
  return {{"train", stem + "train" + ending}, {"dev", stem + "dev" + ending}, {"test", stem + "test" + ending}};
}

}  // namespace

// SciTail (Khot et al. 2018): does the premise, from the web, entail the hypothesis, made of a science exam's question?
// 23,596 pairs to train on, 1,304 in dev, 2,126 to test. snli_format's files are JSON Lines, tsv_format's have no
// header and say "entails".
atp::TextTask atp::others::scitail() {
  auto forms = hub_forms("scitail", "snli_format");
  forms.insert(forms.begin(), tsv(paths("tsv_format", ".tsv"), {"sentence1", "sentence2", "gold_label"}));
  forms.push_back(
      hub("scitail/tsv_format", {{"premise", "sentence1"}, {"hypothesis", "sentence2"}, {"label", "gold_label"}}));
  return {
      .name = "scitail",
      .suite = "others",
      .summary = "does the premise entail the science exam's hypothesis?",
      .origin = "SciTail is distributed by its authors (allenai.org/data/scitail, SciTailV1.1.zip)",
      .licence = "Apache 2.0",
      .files = jsonl(paths("snli_format", ".txt")),
      .other_forms = forms,
      .labels = {{"entailment", "0"}, {"entails", "0"}, {"neutral", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "premise: " + row["sentence1"] + " hypothesis: " + row["sentence2"],
                           .target = row["gold_label"]};
          },
  };
}
