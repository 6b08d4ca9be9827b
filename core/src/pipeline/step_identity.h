#pragma once

#include <string>
#include <utility>
#include <vector>

#include "atp/registry.h"
#include "pipeline/content_hash.h"
#include "recipe/recipe.h"

// What makes two pieces of work the same: all that the recipe and its inputs say, and nothing about where and how fast.
namespace atp {

// Raised when the core computes other numbers from the same recipe than before.
inline constexpr std::int64_t numerics_version = 4;

// A task as a step uses it.
struct TaskContents {
  std::string name;
  const Registry::Entry* plugin = nullptr;  // nullptr: made in the recipe
  Value rule;                               // how its rows become splits and text: splits, labels, metrics, prefix
  Params options;
  std::vector<std::pair<std::string, std::string>> files;  // split of the files → digest
  std::vector<const Registry::Entry*> metrics = {};
  std::vector<const Registry::Entry*> readers = {};  // plugins that its files are read through
};

// A result that a step reads.
struct InputContents {
  std::string role;
  std::string item;    // which of a multi-task result's prompts
  std::string digest;  // the step's id, or the file's digest
};

struct StepContents {
  const Step* step = nullptr;
  const Registry::Entry* backbone = nullptr;
  const Registry::Entry* method = nullptr;
  const Registry::Entry* combiner = nullptr;
  Value checkpoint;  // {digest}, or {random, seed}
  std::string tokenizer;
  std::vector<TaskContents> tasks;
  std::vector<InputContents> inputs;
};

// Options that differ from their default, by key; an option that does not change results is left out, a path stands for
// what its file holds. Keys of `inputs` (what a step reads, and tasks and plugins, which are described apart) are left
// out too.
Value identity_of(const Params& params, const std::vector<std::string>& left_out, ContentDigests& digests);

Value step_identity(const StepContents& contents, ContentDigests& digests);  // the document, for people
std::string identity_hash(const Value& identity);                            // 32 hexadecimal digits

}  // namespace atp
