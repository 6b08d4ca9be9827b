#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace atp {

// What `atp convert` was asked for.
struct ConversionRequest {
  std::string from;         // files of some format, or a result: a step's folder, or a name of it
  std::string to;           // "": say what `from` is
  std::string from_format;  // "": the one that it looks like
  std::string to_format;    // "": by the ending of `to`
  std::string task;         // of several the one that is wanted; of a result that is made, its task
  // Of a result that is made: as `backbone: {checkpoint: …}` has them in a recipe.
  std::string backbone;  // "": the one that the files name, or the only one there is
  std::string checkpoint;
  std::string tokenizer;
  std::optional<std::int64_t> source_length = {};
  bool json = false;
  std::string tasks, models, libtorch;
};

// Prompts and adapters between formats; a result is a format too. Throws RecipeError where the command is wrong or a
// format cannot hold what is asked, FormatError where files are damaged.
void run_conversion(const ConversionRequest& request, std::ostream& out);

}  // namespace atp
