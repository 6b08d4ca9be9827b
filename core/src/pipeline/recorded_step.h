#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/plan.h"

namespace atp {

// A finished training, read back from its folder (recipe.yaml says what it is, result.json what it was made with), and
// one of its tasks, for programs that put texts through it.
class RecordedTask {
 public:
  // `path`: a step's folder, or a name of it (OUT/<recipe>/[<trial>/]<step>). `task`: one of several; "": the only one.
  // `places`: where data and checkpoints are. Throws RecipeError where that is no finished training; where the
  // checkpoint or the tokenizer that it was trained with is not there, or holds something else now; where a plugin is
  // missing, or knows its options no longer; with the nearest name, where it was not trained on the task.
  RecordedTask(const std::string& path, const std::string& task, const Places& places, Machinery& machinery);

  const Work& work() const { return work_; }  // inputs by name only, since nothing is read of them again
  const TaskUse& task() const { return *work_.tasks[number_]; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }
  std::optional<std::int64_t> target_length() const;  // in tokens, where the training's recipe says it
  // Scores a split of the task with what was trained.
  EvaluateJob job(SplitData split) const;

 private:
  Work work_;
  std::string tensors_;  // their file
  std::size_t number_ = 0;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

}  // namespace atp
