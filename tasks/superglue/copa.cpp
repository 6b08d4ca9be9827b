#include "superglue.h"

namespace {

using namespace atp;

TextTask task(const Params& options) {
  const bool question = options.boolean("question");
  return {
      .name = "copa",
      .suite = "SuperGLUE",
      .summary = "which of two is the premise's cause, or its effect?",
      .origin = "COPA is distributed with SuperGLUE (super.gluebenchmark.com, tasks › COPA)",
      .licence = "BSD, 2 clauses",
      .files = superglue::folder("COPA"),
      .other_forms = {hub("super_glue/copa")},
      .splits = Splits::halve_dev,
      .labels = {{"0", "0"}, {"1", "1"}},
      .metrics = {"accuracy"},
      .prefix = "superglue-copa",
      .render =
          [question](const Row& row) {
            std::string source =
                "premise: " + row["premise"] + " choice1: " + row["choice1"] + " choice2: " + row["choice2"];
            if (question) source += " question: " + row["question"];
            return Example{.source = std::move(source), .target = row["label"]};
          },
  };
}

}  // namespace

// COPA (Roemmele et al. 2011): which of two sentences is the cause of the premise, or its effect? 400 premises to train
// on, 100 in val. Whether cause or effect is asked for is in the files, and in the source only where a recipe wants it:
// the code that was released with the paper leaves it out.
atp::Offer<atp::TextTask> atp::superglue::copa() {
  const Options options = {boolean("question", false).help("say whether the cause or the effect is asked for")};
  return {"copa", "which of two is the premise's cause, or its effect?", options, task};
}
