#pragma once

#include <atp/task.h>

#include <string_view>
#include <utility>
#include <vector>

// Summaries: longer texts to be written, which the paper names as its limit. All have their own test sets.
namespace atp::generation {

// What the tasks share put into `own`: `document` and `summary` are its columns.
TextTask summary_task(TextTask own, const std::string& document, const std::string& summary);

// The form in which such sets are passed on for training: a text a line in `folder`/train.source, its summary in the
// same line of train.target; val and test likewise.
Files line_by_line(const std::string& folder, const std::string& document, const std::string& summary);

// A document's lines; a carriage return ends one, too.
std::vector<std::string_view> lines_of(std::string_view text);
std::string_view stripped(std::string_view text);  // of white space, Unicode's

// A document becomes its article and its highlights, as See et al.'s make_datafiles.py has it, without its lower case:
// a line that no sign ends gets " .", the article's lines are joined by spaces, the highlights' by line ends.
std::vector<std::pair<std::string, std::string>> columns_of_story(const std::string& text);
// A document becomes its body and its first sentence; blank lines and those of the page's buttons to share it go.
std::vector<std::pair<std::string, std::string>> columns_of_bbc_summary(const std::string& text);

TextTask xsum();
TextTask samsum();
TextTask cnn_dailymail();

}  // namespace atp::generation
