#include "mrqa.h"

// TriviaQA (Joshi et al. 2017), web part: trivia questions and pages that a search engine found. 61,688 to train on,
// 7,785 in dev.
atp::TextTask atp::mrqa::triviaqa() {
  return task("TriviaQA-web", "TriviaQA-web",
              {.name = "triviaqa",
               .summary = "trivia questions and web pages",
               .origin = "TriviaQA is distributed in MRQA's form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "not stated for the questions"});
}
