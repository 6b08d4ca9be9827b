#include "mrqa.h"

// HotpotQA (Yang et al. 2018): questions that two paragraphs of Wikipedia answer together. 72,928 to train on, 5,901 in
// dev.
atp::TextTask atp::mrqa::hotpotqa() {
  return task("HotpotQA", "HotpotQA",
              {.name = "hotpotqa",
               .summary = "questions that two paragraphs answer together",
               .origin = "HotpotQA is distributed in MRQA's form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "CC BY-SA 4.0"});
}
