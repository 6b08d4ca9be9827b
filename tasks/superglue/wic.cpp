#include "superglue.h"

// WiC (Pilehvar & Camacho-Collados 2019): does the word mean the same in two sentences? 5,428 pairs to train on, 638 in
// val.
atp::TextTask atp::superglue::wic() {
  return {
      .name = "wic",
      .suite = "SuperGLUE",
      .summary = "does the word mean the same in two sentences?",
      .origin = "WiC is distributed with SuperGLUE (super.gluebenchmark.com, tasks › Words in Context)",
      .licence = "CC BY-NC 4.0",
      .files = folder("WiC"),
      .other_forms = {hub("super_glue/wic")},
      .splits = Splits::halve_dev,
      .labels = {{"false", "0"}, {"true", "1"}},
      .metrics = {"accuracy"},
      .prefix = "superglue-wic",
      .render =
          [](const Row& row) {
            return Example{.source = "sentence1: " + row["sentence1"] + " sentence2: " + row["sentence2"] +
                                     " word: " + row["word"],
                           .target = row["label"]};
          },
  };
}
