#pragma once

#include <atp/task.h>

// Tasks that belong to no suite: the paper's four (WinoGrande, Yelp, SciTail, PAWS) and those that its released code or
// others of the field use beside them.
namespace atp::others {

// The Hub's export of a data set that has one configuration: in the folder of that, or without it.
std::vector<Files> hub_forms(const std::string& folder, const std::string& configuration,
                             std::vector<std::pair<std::string, std::string>> renamed = {}, SplitPaths splits = {});

// Zhang et al. (2015) wrote a line's end as `\n`, a backslash and an n.
std::string with_line_ends(const std::string& text);

// Their classes count from 1 (column `class`), the Hub's export counts from 0 (column `label`).
std::string class_from_zero(const Row& row);

TextTask winogrande();
TextTask yelp_polarity();
TextTask scitail();
TextTask paws();
TextTask snli();
TextTask anli(const std::string& name, const std::string& round);  // "1", "2", "3", or "*" for all of them
TextTask imdb();
TextTask amazon_polarity();
TextTask ag_news();
TextTask piqa();
TextTask social_iqa();
TextTask commonsense_qa();
TextTask drop();

}  // namespace atp::others
