#pragma once

#include <string>
#include <vector>

// Words of the language that are no options of any table, and how lists of words are read and written.
namespace atp {

const std::vector<std::string>& planned_verbs();  // refused with a word of their own: not there yet
const std::vector<std::string>& planned_keys();
const std::vector<std::string>& input_keys();  // of a method's table: what the pipeline resolves to results and files

bool contains(const std::vector<std::string>& words, const std::string& word);
std::string joined(const std::vector<std::string>& words);  // "a, b, c"

}  // namespace atp
