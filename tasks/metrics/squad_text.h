#pragma once

#include <string>
#include <string_view>

namespace atp::metrics {

// SQuAD's normalisation of an answer: lower case, ASCII punctuation removed, the articles a, an, the removed as whole
// words, white space (Unicode's) made single spaces and taken from both ends; in this order.
std::string normalise_answer(std::string_view text);

}  // namespace atp::metrics
