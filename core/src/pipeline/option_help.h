#pragma once

#include <iosfwd>
#include <string>

#include "recipe/recipe.h"

namespace atp {

// `atp help WORD`: every table that has a key of that name ("learning_rate", "train.learning_rate"), or all keys of a
// verb or plugin of that name. Throws RecipeError with the nearest word where there is none.
void print_help(const std::string& word, Catalogue& catalogue, std::ostream& out);

}  // namespace atp
