#include "others.h"

#include <atp/plugin.h>

namespace atp::others {

std::vector<Files> hub_forms(const std::string& folder, const std::string& configuration,
                             std::vector<std::pair<std::string, std::string>> renamed, SplitPaths splits) {
  return {hub(folder + "/" + configuration, renamed, splits), hub(folder, renamed, splits)};
}

std::string with_line_ends(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_end = text.compare(i, 2, "\\n") == 0;
    result += line_end ? '\n' : text[i];
    if (line_end) ++i;
  }
  return result;
}

std::string class_from_zero(const Row& row) {
  if (row.has("label")) return row["label"];
  const std::string number = row["class"];
  if (number.size() != 1 || number[0] < '1' || number[0] > '9') {
    throw DataError(row.origin(), "class '" + number + "': a number from 1 on is expected");
  }
  return std::string(1, static_cast<char>(number[0] - 1));
}

}  // namespace atp::others

ATP_PLUGIN(registry) {
  using namespace atp::others;
  for (auto task : {winogrande(), yelp_polarity(), scitail(), paws(), snli(), anli("anli", "*"), anli("anli_r1", "1"),
                    anli("anli_r2", "2"), anli("anli_r3", "3"), imdb(), amazon_polarity(), ag_news(), piqa(),
                    social_iqa(), commonsense_qa(), drop()}) {
    registry.add(atp::offer(task));
  }
}
