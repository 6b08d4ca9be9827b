#include "others.h"

namespace {

// The Hub's export has the CSV's fields as they stand there: quotes inside are still written twice.
std::string text_of(const atp::Row& row) {
  const std::string text = row["text"];
  if (!row.has("label")) return text;
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text.compare(i, 2, "\"\"") == 0) ++i;
  }
  return result;
}

}  // namespace

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
            return Example{.source = "sentence: " + with_line_ends(text_of(row)), .target = class_from_zero(row)};
          },
  };
}
