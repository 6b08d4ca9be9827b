#pragma once

#include <atp/task.h>

// Summaries: longer texts to be written, which the paper names as its limit. All have their own test sets.
namespace atp::generation {

// What the tasks share put into `own`: `document` and `summary` are its columns.
TextTask summary_task(TextTask own, const std::string& document, const std::string& summary);

// The form in which such sets are passed on for training: a text a line in `folder`/train.source, its summary in the
// same line of train.target; val and test likewise.
Files line_by_line(const std::string& folder, const std::string& document, const std::string& summary);

TextTask xsum();
TextTask samsum();
TextTask cnn_dailymail();

}  // namespace atp::generation
