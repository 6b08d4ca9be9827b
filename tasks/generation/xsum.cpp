#include "generation.h"

// XSum (Narayan et al. 2018): one sentence that says what an article of the BBC is about. 204,045 articles to train on,
// 11,332 in validation, 11,334 to test. Read as the Hub serves it, or line by line: its authors distribute the
// articles' addresses.
atp::TextTask atp::generation::xsum() {
  return summary_task(
      {.name = "xsum",
       .summary = "one sentence that says what an article is about",
       .origin = "XSum is the work of Narayan et al. (github.com/EdinburghNLP/XSum); the Hub serves it as "
                 "EdinburghNLP/xsum",
       .licence = "the articles are the BBC's",
       .files = hub("xsum"),
       .other_forms = {line_by_line("xsum", "document", "summary")}},
      "document", "summary");
}
