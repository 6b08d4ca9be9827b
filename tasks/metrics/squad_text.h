#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atp::metrics {

// SQuAD's normalisation of an answer: lower case, ASCII punctuation removed, the articles a, an, the removed as whole
// words, white space (Unicode's) made single spaces and taken from both ends; in this order.
std::string normalise_answer(std::string_view text);

std::vector<std::string> words(std::string_view text);  // between white space, Unicode's

}  // namespace atp::metrics
