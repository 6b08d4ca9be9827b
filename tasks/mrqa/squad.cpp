#include "mrqa.h"

namespace {

atp::Files own_files() {  // train-v1.1.json, as SQuAD's authors distribute it
  using Format = atp::Files::Format;
  return {.format = Format::json,
          .splits = {{"train", {"squad/train-v1.1.json", "train-v1.1.json"}},
                     {"dev", {"squad/dev-v1.1.json", "dev-v1.1.json"}}}};
}

}  // namespace

// SQuAD 1.1 (Rajpurkar et al. 2016): questions about paragraphs of Wikipedia. 87,599 to train on, 10,570 in dev; MRQA's
// files have 86,588 and 10,507 of them.
atp::TextTask atp::mrqa::squad() {
  return task("SQuAD", "SQuAD",
              {.name = "squad",
               .summary = "questions about paragraphs of Wikipedia",
               .origin = "SQuAD 1.1 is distributed by its authors (rajpurkar.github.io/SQuAD-explorer), and in MRQA's "
                         "form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "CC BY-SA 4.0",
               .other_forms = {own_files(), hub("squad/plain_text"), hub("squad")}});
}
