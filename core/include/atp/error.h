#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "atp/export.h"

namespace atp {

// A place in a file that a user wrote: a recipe, a table of data, a checkpoint's config.
struct ATP_EXPORT Origin {
  std::string file;
  int line = 0;    // from 1; 0 = the whole file
  int column = 0;  // from 1; 0 = the whole line

  bool known() const { return !file.empty(); }
  std::string text() const;  // "recipe.yaml:7:3", or as much of it as is known
};

// The root of everything that atp throws on purpose. The message is complete: what is wrong, what was expected, what to
// do; where a place is known, `what()` starts with it.
class ATP_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
  Error(const Origin& origin, const std::string& message);
  ~Error() override;
  const Origin& origin() const { return origin_; }

 private:
  Origin origin_;
};

// The recipe or the command line is wrong: found before anything is started, exit status 2.
class ATP_EXPORT RecipeError : public Error {
 public:
  using Error::Error;
  ~RecipeError() override;
};

// A data file is missing, malformed or holds what the task does not allow.
class ATP_EXPORT DataError : public Error {
 public:
  using Error::Error;
  ~DataError() override;
};

// A tensor file, checkpoint or tokenizer is cut short, of the wrong shape, or not what its name says.
class ATP_EXPORT FormatError : public Error {
 public:
  using Error::Error;
  ~FormatError() override;
};

// A plugin cannot be found or loaded, or broke its contract.
class ATP_EXPORT PluginError : public Error {
 public:
  using Error::Error;
  ~PluginError() override;
};

// A computation gave NaN or infinity.
class ATP_EXPORT NumericError : public Error {
 public:
  using Error::Error;
  ~NumericError() override;
};

// One mistake among several; `message` says what is wrong, what was expected, and the nearest right name.
struct ATP_EXPORT Problem {
  Origin origin;
  std::string message;

  std::string text() const;  // "recipe.yaml:7:3: message"
};

// Mistakes found together are reported together.
class ATP_EXPORT Problems {
 public:
  void add(const Origin& origin, const std::string& message);
  bool empty() const { return list_.empty(); }
  const std::vector<Problem>& list() const { return list_; }
  void throw_if_any() const;  // RecipeError with one line per problem, in the order of their places

 private:
  std::vector<Problem> list_;
};

// "; did you mean 'batch_size'?" for a word near one of `known`, else an empty text.
ATP_EXPORT std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

}  // namespace atp
