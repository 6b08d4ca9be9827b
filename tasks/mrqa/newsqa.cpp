#include "mrqa.h"

// NewsQA (Trischler et al. 2017): questions about articles of CNN, written by people who saw the headline alone. 74,160
// to train on, 4,212 in dev.
atp::TextTask atp::mrqa::newsqa() {
  return task("NewsQA", "NewsQA",
              {.name = "newsqa",
               .summary = "questions about news articles",
               .origin = "NewsQA is distributed in MRQA's form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "Microsoft's, for research; the articles are CNN's"});
}
