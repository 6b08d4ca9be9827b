#include <algorithm>
#include <array>

#include "generation.h"
#include "sha1.h"

namespace {

// cnn_stories.tgz and dailymail_stories.tgz as they are, or unpacked; and the lists of addresses, whose SHA-1 names the
// stories. `folder`: of all these, "" or with a slash behind it.
atp::Files stories(const std::string& folder) {
  atp::Files files{.format = atp::Files::Format::texts,
                   .archives = {folder + "cnn_stories", folder + "dailymail_stories"},
                   .name_of_listed = [](const std::string& url) { return atp::generation::sha1(url) + ".story"; },
                   .columns_of_text = atp::generation::columns_of_story};
  for (const std::string split : {"train", "val", "test"}) {
    const std::string name = "all_" + split + ".txt";
    files.splits.push_back({.name = split == "val" ? "validation" : split,
                            .paths = {folder + "cnn/stories", folder + "dailymail/stories"},
                            .lists = {folder + "url_lists/" + name, folder + name}});
  }
  return files;
}

bool is_sentence(std::string_view line) {
  static constexpr std::array<std::string_view, 9> ends = {".", "!", "?", "'", "`", "\"", "\u2019", "\u201d", ")"};
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return line.ends_with(end); });
}

bool is_empty(const atp::Row& row, const std::string& column) { return row.has(column) && row[column].empty(); }

}  // namespace

std::vector<std::pair<std::string, std::string>> atp::generation::columns_of_story(const std::string& text) {
  std::string article, highlights;
  bool is_highlight = false;
  for (const std::string_view untrimmed : lines_of(text)) {
    const std::string_view line = stripped(untrimmed);
    if (line.empty()) continue;
    if (line.starts_with("@highlight")) {
      is_highlight = true;
      continue;
    }
    std::string& whole = is_highlight ? highlights : article;
    if (!whole.empty()) whole += is_highlight ? '\n' : ' ';
    whole += line;
    if (!is_sentence(line) && line.find("@highlight") == std::string_view::npos) whole += " .";
  }
  return {{"article", std::move(article)}, {"highlights", std::move(highlights)}};
}

// CNN / Daily Mail (Hermann et al. 2015, See et al. 2017), version 3.0.0: a news article's highlights. 287,113 articles
// to train on, 13,368 in validation, 11,490 to test: a hundred stories or so of the lists have no article, and are left
// out.
atp::TextTask atp::generation::cnn_dailymail() {
  return summary_task(
      {.name = "cnn_dailymail",
       .summary = "a news article's highlights",
       .origin = "CNN / Daily Mail is distributed by its authors: cnn_stories.tgz and dailymail_stories.tgz "
                 "(cs.nyu.edu/~kcho/DMQA), with the lists all_train.txt, all_val.txt and all_test.txt "
                 "(github.com/abisee/cnn-dailymail, url_lists); the Hub serves it as abisee/cnn_dailymail, 3.0.0",
       .licence = "the articles are CNN's and the Daily Mail's",
       .files = stories(""),
       .other_forms = {stories("cnn_dailymail/"), hub("cnn_dailymail/3.0.0"), hub("cnn_dailymail"),
                       line_by_line("cnn_dm", "article", "highlights")},
       .left_out = [](const Row& row) { return is_empty(row, "article") || is_empty(row, "highlights"); }},
      "article", "highlights");
}
