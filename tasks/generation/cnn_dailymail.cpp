#include "generation.h"

// CNN / Daily Mail (Hermann et al. 2015, See et al. 2017), version 3.0.0: a news article's highlights. 287,113 articles
// to train on, 13,368 in validation, 11,490 to test. Read as the Hub serves it, or line by line.
atp::TextTask atp::generation::cnn_dailymail() {
  return summary_task({.name = "cnn_dailymail",
                       .summary = "a news article's highlights",
                       .origin = "CNN / Daily Mail is the work of Hermann et al. and See et al. "
                                 "(github.com/abisee/cnn-dailymail); the Hub serves it as abisee/cnn_dailymail, 3.0.0",
                       .licence = "the articles are CNN's and the Daily Mail's",
                       .files = hub("cnn_dailymail/3.0.0"),
                       .other_forms = {hub("cnn_dailymail"), line_by_line("cnn_dm", "article", "highlights")}},
                      "article", "highlights");
}
