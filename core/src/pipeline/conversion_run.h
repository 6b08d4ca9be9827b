#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "engine/engine.h"

namespace atp {

// What `atp convert` was asked for.
struct ConversionRequest {
  std::string from;                       // files of some format, or a result: a step's folder, or a name of it
  std::string to;                         // "": say what `from` is
  std::string from_format;                // "": the one that it looks like
  std::string to_format;                  // "": by the ending of `to`
  std::string task;                       // that `to` is of: of several in `from` this one's part; "": all
  std::optional<std::int64_t> part = {};  // the part's number, where `from` does not name its tasks
  // Of a result that is made: as `backbone: {checkpoint: …}` has them in a recipe.
  std::string backbone;  // "": the one that the files name, or the only one there is
  std::string checkpoint;
  std::string tokenizer;
  std::optional<std::int64_t> source_length = {};
  // One prompt in the place of what a result gives each input: its mean over so many rows of validation.
  std::optional<std::int64_t> lossy_rows = {};
  bool json = false;
  std::string data, tasks, models, libtorch;
  EngineSettings engine = {};  // for that mean; all else is done on the CPU
};

// Prompts and adapters between formats; a result is a format too. Gives the exit status: 0, or 130 where the user
// stopped it. Throws RecipeError where the command is wrong or a
// format cannot hold what is asked, FormatError where files are damaged.
int run_conversion(const ConversionRequest& request, std::ostream& out);

}  // namespace atp
