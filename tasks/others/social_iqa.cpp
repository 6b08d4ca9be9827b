#include "others.h"

namespace {

atp::Files::Split split(const std::string& name) {
  const std::string stem = "socialiqa-train-dev/" + name;
  return {name, {stem + ".jsonl"}, {stem + "-labels.lst"}};
}

// The Hub's export has "1" with a line's end behind it.
std::string label_of(const atp::Row& row) {
  const std::string label = row["label"];
  return label.substr(0, label.find('\n'));
}

}  // namespace

// Social IQa (Sap et al. 2019): why, or what next, in a social situation? 33,410 questions to train on, 1,954 in dev.
atp::TextTask atp::others::social_iqa() {
  return {
      .name = "social_iqa",
      .suite = "others",
      .summary = "why, or what next, in a social situation?",
      .origin = "Social IQa is distributed by its authors (socialiqa-train-dev.zip, leaderboard.allenai.org/socialiqa)",
      .licence = "not stated by its authors",
      .files = {.format = Files::Format::jsonl, .splits = {split("train"), split("dev")}},
      .other_forms = hub_forms("social_i_qa", "default"),
      .splits = Splits::hold_out,
      .labels = {{"1", "0"}, {"2", "1"}, {"3", "2"}},
      .metrics = {"accuracy"},
      .prefix = "social_i_qa",
      .render =
          [](const Row& row) {
            return Example{.source = "question: " + row["question"] + " context: " + row["context"] +
                                     " || choice0: " + row["answerA"] + " || choice1: " + row["answerB"] +
                                     " || choice2: " + row["answerC"],
                           .target = label_of(row)};
          },
  };
}
