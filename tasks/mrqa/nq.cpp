#include "mrqa.h"

// Natural Questions (Kwiatkowski et al. 2019), those with a short answer: what people asked a search engine, and a
// passage of Wikipedia. 104,071 to train on, 12,836 in dev.
atp::TextTask atp::mrqa::nq() {
  return task("NaturalQuestionsShort", "NaturalQuestionsShort",
              {.name = "nq",
               .summary = "questions to a search engine, about Wikipedia",
               .origin = "Natural Questions are distributed in MRQA's form at github.com/mrqa/MRQA-Shared-Task-2019",
               .licence = "CC BY-SA 3.0"});
}
