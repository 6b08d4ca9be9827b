#include "others.h"

namespace {

// "pos/0_9.txt" → "pos". A folder holds other texts too: reviews without a label, lists.
std::string folder_of(const atp::Row& row) {
  const std::string name = row["name"];
  return name.substr(0, name.find('/'));
}

}  // namespace

// IMDB (Maas et al. 2011): is the film review positive? 25,000 reviews to train on, 25,000 to test, each a file.
atp::TextTask atp::others::imdb() {
  return {
      .name = "imdb",
      .suite = "others",
      .summary = "is the film review positive?",
      .origin = "aclImdb_v1.tar.gz is distributed by its authors (ai.stanford.edu/~amaas/data/sentiment)",
      .licence = "not stated by its authors",
      .files = {.format = Files::Format::texts,
                .splits = {{"train", {"aclImdb/train"}}, {"test", {"aclImdb/test"}}},
                .archives = {"aclImdb_v1"}},
      .other_forms = hub_forms("imdb", "plain_text"),
      .splits = Splits::hold_out,
      .labels = {{"neg", "0"}, {"pos", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence: " + row["text"],
                           .target = row.has("label") ? row["label"] : folder_of(row)};
          },
      .left_out = [](const Row& row) { return row.has("name") && folder_of(row) != "pos" && folder_of(row) != "neg"; },
  };
}
