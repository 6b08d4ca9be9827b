#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "glue.h"

namespace {

using namespace atp;

// T5's 26 scores: 0.0, 0.2, … 5.0. Halves go to the even neighbour: 2.5 → 2.4, 1.5 → 1.6.
std::string score_text(double score) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", std::nearbyint(score * 5) / 5);
  return text;
}

std::vector<Label> score_labels() {
  std::vector<Label> labels;
  for (int fifths = 0; fifths <= 25; ++fifths) labels.push_back({score_text(fifths / 5.0), score_text(fifths / 5.0)});
  return labels;
}

std::string score_of(const Row& row) {
  const std::string text = row["score"];
  char* end = nullptr;
  const double score = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(score >= 0 && score <= 5)) {
    throw DataError(row.origin(), "score '" + text + "': a number from 0 to 5 is expected");
  }
  return score_text(score);
}

}  // namespace

// STS-B (Cer et al. 2017): how similar are two sentences, from 0 to 5? 5,749 pairs to train on, 1,500 in dev. A score
// is written as text, rounded to the nearest 0.2.
atp::TextTask atp::glue::stsb() {
  return {
      .name = "stsb",
      .suite = "GLUE",
      .summary = "how similar are two sentences, from 0 to 5?",
      .origin = "STS-B is distributed with GLUE (gluebenchmark.com, tasks › STS-B)",
      .licence = "several, in the LICENSE.txt beside the files",
      .files = tsv({{"train", "STS-B/train.tsv"}, {"dev", "STS-B/dev.tsv"}}),
      .other_forms = {hub("glue/stsb", {{"label", "score"}})},
      .splits = Splits::halve_dev,
      .labels = score_labels(),
      .metrics = {"pearson", "spearman"},
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"],
                           .target = score_of(row)};
          },
  };
}
