#include <algorithm>
#include <array>

#include "generation.h"

namespace {

// XSUM-EMNLP18-Summary-Data-Original.tar.gz as it is, or unpacked; and the file of the splits. `folder`: of both, "" or
// with a slash behind it.
atp::Files summaries(const std::string& folder) {
  const std::string list = "XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json";
  atp::Files files{.format = atp::Files::Format::texts,
                   .archives = {folder + "XSUM-EMNLP18-Summary-Data-Original", folder + "bbc-summary-data"},
                   .name_of_listed = [](const std::string& id) { return id + ".summary"; },
                   .columns_of_text = atp::generation::columns_of_bbc_summary};
  for (const std::string split : {"train", "validation", "test"}) {
    files.splits.push_back({.name = split, .paths = {folder + "bbc-summary-data"}, .lists = {folder + list}});
  }
  return files;
}

// Of a page's buttons, which the authors' release still has; the Hub's has them no more.
bool is_of_page(std::string_view line) {
  static constexpr std::array<std::string_view, 11> lines = {"Share this with",
                                                             "Email",
                                                             "Facebook",
                                                             "Messenger",
                                                             "Twitter",
                                                             "Pinterest",
                                                             "WhatsApp",
                                                             "Linkedin",
                                                             "LinkedIn",
                                                             "Copy this link",
                                                             "These are external links and will open in a new window"};
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

std::vector<std::pair<std::string, std::string>> atp::generation::columns_of_bbc_summary(const std::string& text) {
  static constexpr std::string_view first = "[SN]FIRST-SENTENCE[SN]", rest = "[SN]RESTBODY[SN]";
  std::string kept;
  for (const std::string_view line : lines_of(text)) {
    if (!is_of_page(line) && !stripped(line).empty()) kept.append(line) += '\n';
  }
  const std::string_view all = kept;
  const std::size_t summary = all.find(first), body = all.find(rest, std::min(summary, all.size()));
  if (body == std::string_view::npos)
    throw DataError("no article of the BBC: expected the sections " + std::string(first) + " and, after it, " +
                    std::string(rest));
  return {{"document", std::string(stripped(all.substr(body + rest.size())))},
          {"summary", std::string(stripped(all.substr(summary + first.size(), body - summary - first.size())))}};
}

// XSum (Narayan et al. 2018): one sentence that says what an article of the BBC is about. 204,045 articles to train on,
// 11,332 in validation, 11,334 to test.
atp::TextTask atp::generation::xsum() {
  return summary_task({.name = "xsum",
                       .summary = "one sentence that says what an article is about",
                       .origin = "XSum is distributed by its authors (github.com/EdinburghNLP/XSum, XSum-Dataset): "
                                 "XSUM-EMNLP18-Summary-Data-Original.tar.gz (bollin.inf.ed.ac.uk/public/direct) and "
                                 "XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json; the Hub serves it as EdinburghNLP/xsum",
                       .licence = "the articles are the BBC's",
                       .files = summaries(""),
                       .other_forms = {summaries("xsum/"), hub("xsum"), line_by_line("xsum", "document", "summary")}},
                      "document", "summary");
}
