#include "generation.h"

namespace {

atp::Files corpus() {  // corpus.7z
  using Format = atp::Files::Format;
  atp::Files files{.format = Format::json, .archives = {"samsum-corpus", "samsum/corpus", "samsum/samsum-corpus"}};
  for (const std::string split : {"train", "val", "test"}) {
    files.splits.push_back(
        {split == "val" ? "validation" : split, {"samsum/" + split + ".json", "corpus/" + split + ".json"}});
  }
  return files;
}

}  // namespace

// SAMSum (Gliwa et al. 2019): what is said in a chat? 14,732 dialogues to train on, 818 in validation, 819 to test.
atp::TextTask atp::generation::samsum() {
  return summary_task({.name = "samsum",
                       .summary = "what is said in a chat?",
                       .origin = "SAMSum comes with its authors' paper (arxiv.org/abs/1911.12237, corpus.7z)",
                       .licence = "CC BY-NC-ND 4.0",
                       .files = corpus(),
                       .other_forms = {hub("samsum/samsum"), hub("samsum")}},
                      "dialogue", "summary");
}
