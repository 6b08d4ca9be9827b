#include "others.h"

// Yelp polarity (Zhang et al. 2015): is the review positive? 560,000 reviews to train on, 38,000 to test. The files are
// quoted CSV without a header.
atp::TextTask atp::others::yelp_polarity() {
  return {
      .name = "yelp_polarity",
      .suite = "others",
      .summary = "is the review positive?",
      .origin =
          "yelp_review_polarity_csv.tgz is offered by its authors (Zhang et al. 2015), and by fast.ai's data sets",
      .licence = "Yelp's terms for its data set",
      .files = csv({{"train", "yelp_review_polarity_csv/train.csv"}, {"test", "yelp_review_polarity_csv/test.csv"}},
                   {"class", "text"}),
      .other_forms = hub_forms("yelp_polarity", "plain_text"),
      .splits = Splits::hold_out,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence: " + with_line_ends(row["text"]), .target = class_from_zero(row)};
          },
  };
}
