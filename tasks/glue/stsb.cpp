#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "glue.h"

namespace {

using namespace atp;

// The nearest of `parts` scores a unit; halves go to the even neighbour: in fifths 2.5 → 2.4, 1.5 → 1.6.
std::string score_text(double score, int parts) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", std::nearbyint(score * parts) / parts);
  return text;
}

// Of fifths T5's 26: 0.0, 0.2, … 5.0.
std::vector<Label> score_labels(int parts) {
  std::vector<Label> labels;
  for (int part = 0; part <= 5 * parts; ++part) {
    const auto text = score_text(static_cast<double>(part) / parts, parts);
    labels.push_back({text, text});
  }
  return labels;
}

std::string score_of(const Row& row, int parts) {
  const std::string text = row["score"];
  char* end = nullptr;
  const double score = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(score >= 0 && score <= 5)) {
    throw DataError(row.origin(), "score '" + text + "': a number from 0 to 5 is expected");
  }
  return score_text(score, parts);
}

}  // namespace

// STS-B (Cer et al. 2017): how similar are two sentences, from 0 to 5? 5,749 pairs to train on, 1,500 in dev. A score
// is written as text, rounded to the nearest 0.2 (by the released code, to 0.1).
atp::TextTask atp::glue::stsb(const Params& params) {
  const int parts = params.has_fault("stsb_rounding") ? 10 : 5;
  return {
      .name = "stsb",
      .suite = "GLUE",
      .summary = "how similar are two sentences, from 0 to 5?",
      .origin = "STS-B is distributed with GLUE (gluebenchmark.com, tasks › STS-B)",
      .licence = "several, in the LICENSE.txt beside the files",
      .files = tsv({{"train", "STS-B/train.tsv"}, {"dev", "STS-B/dev.tsv"}}),
      .other_forms = {hub("glue/stsb", {{"label", "score"}})},
      .splits = Splits::halve_dev,
      .labels = score_labels(parts),
      .metrics = {"pearson", "spearman"},
      .render =
          [parts](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"],
                           .target = score_of(row, parts)};
          },
  };
}
