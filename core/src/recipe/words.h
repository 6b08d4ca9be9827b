#pragma once

#include <string>
#include <vector>

#include "atp/words.h"

// Words of the language that are no options of any table.
namespace atp {

const std::vector<std::string>& planned_verbs();  // refused with a word of their own: not there yet
const std::vector<std::string>& planned_keys();
const std::vector<std::string>& input_keys();  // of a method's table: what the pipeline resolves to results and files

bool contains(const std::vector<std::string>& words, const std::string& word);

}  // namespace atp
