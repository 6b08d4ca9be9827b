#include "generation.h"

#include <atp/plugin.h>

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

}  // namespace atp::generation

ATP_PLUGIN(registry) {
  using namespace atp::generation;
  for (auto task : {xsum(), samsum(), cnn_dailymail()}) registry.add(atp::offer(task));
}
