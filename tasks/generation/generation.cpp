#include "generation.h"

#include <atp/characters.h>
#include <atp/plugin.h>

#include <algorithm>

namespace atp::generation {

TextTask summary_task(TextTask own, const std::string& document, const std::string& summary) {
  own.suite = "generation";
  own.metrics = {"rouge1", "rouge2", "rougeLsum"};
  own.render = [document, summary](const Row& row) {
    return Example{.source = "summarize: " + row[document], .target = row[summary]};
  };
  return own;
}

Files line_by_line(const std::string& folder, const std::string& document, const std::string& summary) {
  Files files{.format = Files::Format::tsv, .columns = {document}, .renamed = {{"label", summary}}};
  for (const std::string split : {"train", "val", "test"}) {
    const std::string stem = folder + "/" + split;
    files.splits.push_back({split == "val" ? "validation" : split, {stem + ".source"}, {stem + ".target"}});
  }
  return files;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(text.size(), 1));
  }
  return lines;
}

namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

bool is_blank(std::string_view character) { return is_space(characters(character).front()); }

}  // namespace

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < text.size() && continues(text[size])) ++size;
    if (!is_blank(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && continues(text[last])) --last;
    if (!is_blank(text.substr(last))) break;
    text.remove_suffix(text.size() - last);
  }
  return text;
}

}  // namespace atp::generation

ATP_PLUGIN(registry) {
  using namespace atp::generation;
  for (auto task : {xsum(), samsum(), cnn_dailymail()}) registry.add(atp::offer(task));
}
