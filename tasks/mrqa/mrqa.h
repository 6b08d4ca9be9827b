#pragma once

#include <atp/task.h>

// MRQA (Fisch et al. 2019): six question answering sets in one form, answers are pieces of the context. A line of a
// file is a context with its questions; the first line is a header. Texts and answers pass T5's rule for punctuation.
namespace atp::mrqa {

// What the sets share put into `own`, which says name, summary, origin and licence. `set` is MRQA's name of it
// ("TriviaQA-web"), `subset` what the Hub's export calls it. All have one prefix, "squad", as in the code that was
// released with the paper.
TextTask task(const std::string& set, const std::string& subset, TextTask own);

TextTask squad();
TextTask newsqa();
TextTask nq();
TextTask hotpotqa();
TextTask searchqa();
TextTask triviaqa();

}  // namespace atp::mrqa
