#include "others.h"

// AG's news (Zhang et al. 2015): is the article about the world (0), sports (1), business (2), or science and
// technology (3)? 120,000 to train on, 7,600 to test. The files are quoted CSV without a header.
atp::TextTask atp::others::ag_news() {
  return {
      .name = "ag_news",
      .suite = "others",
      .summary = "world, sports, business, or science and technology?",
      .origin = "ag_news_csv.tgz is offered by its authors (Zhang et al. 2015), and by fast.ai's data sets",
      .licence = "not for commerce",
      .files = csv({{"train", "ag_news_csv/train.csv"}, {"test", "ag_news_csv/test.csv"}},
                   {"class", "title", "description"}),
      .other_forms = hub_forms("ag_news", "data"),
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}, {"2", "2"}, {"3", "3"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            const std::string text = row.has("text") ? row["text"] : row["title"] + " " + row["description"];
            return Example{.source = "sentence: " + text, .target = class_from_zero(row)};
          },
  };
}
