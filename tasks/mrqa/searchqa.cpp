#include "mrqa.h"

// SearchQA (Dunn et al. 2017): Jeopardy! questions and snippets that a search engine found. 117,384 to train on, 16,980
// in dev.
atp::TextTask atp::mrqa::searchqa() {
  return task("SearchQA", "SearchQA",
              {.name = "searchqa",
               .summary = "Jeopardy! questions and search snippets",
               .origin = "SearchQA is distributed in MRQA's form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "not stated by its authors"});
}
