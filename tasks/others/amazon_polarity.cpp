#include "others.h"

// Amazon polarity (Zhang et al. 2015): is the product review positive? 3,600,000 reviews to train on, 400,000 to test.
// The files are quoted CSV without a header.
atp::TextTask atp::others::amazon_polarity() {
  return {
      .name = "amazon_polarity",
      .suite = "others",
      .summary = "is the product review positive?",
      .origin =
          "amazon_review_polarity_csv.tgz is offered by its authors (Zhang et al. 2015), and by fast.ai's data sets",
      .licence = "not stated by its authors",
      .files = csv({{"train", "amazon_review_polarity_csv/train.csv"}, {"test", "amazon_review_polarity_csv/test.csv"}},
                   {"class", "title", "content"}),
      .other_forms = hub_forms("amazon_polarity", "amazon_polarity"),
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence: <title> " + with_line_ends(row["title"]) + " <context> " +
                                     with_line_ends(row["content"]),
                           .target = class_from_zero(row)};
          },
  };
}
