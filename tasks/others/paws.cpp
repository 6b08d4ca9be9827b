#include "others.h"

// PAWS-Wiki (Zhang et al. 2019), "labeled final": do two sentences of Wikipedia with nearly the same words say the
// same? 49,401 pairs to train on, 8,000 in dev, 8,000 to test.
atp::TextTask atp::others::paws() {
  SplitPaths paths;
  for (const std::string split : {"train", "dev", "test"})
    for (const std::string folder : {"paws/final/", "final/"}) paths.push_back({split, folder + split + ".tsv"});
  auto files = tsv(paths);
  files.archives = {"paws_wiki_labeled_final"};
  return {
      .name = "paws",
      .suite = "others",
      .summary = "do two sentences with nearly the same words say the same?",
      .origin =
          "PAWS-Wiki is distributed by its authors (github.com/google-research-datasets/paws, "
          "paws_wiki_labeled_final.tar.gz)",
      .licence = "free for any purpose; its authors would like Google to be acknowledged",
      .files = files,
      .other_forms = hub_forms("paws", "labeled_final"),
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"],
                           .target = row["label"]};
          },
  };
}
