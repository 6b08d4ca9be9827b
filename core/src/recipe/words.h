#pragma once

#include <string>
#include <vector>

#include "atp/words.h"

// Words of the language that are no options of any table.
namespace atp {

const std::vector<std::string>& planned_verbs();  // refused with a word of their own: not there yet
// What many methods take, for messages; what a method takes, its table says (Option::names_results).
const std::vector<std::string>& usual_inputs();

bool contains(const std::vector<std::string>& words, const std::string& word);

}  // namespace atp
