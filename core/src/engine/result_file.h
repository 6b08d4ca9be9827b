#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "train/model.h"

// A trained result on disk: checkpoint/tensors.safetensors, everything that Trainable::save gives, and beside it
// checkpoint/method.json, which says what they are: method, combiner, tasks, backbone, names, shapes, groups.
namespace atp {

// What tells a backbone's weights from others: {name, digest} or {name, random, seed, pieces}; null where the job
// does not know.
Value backbone_identity(const BackboneJob& job);
// Throws RecipeError with both where the result says that it was trained on another backbone. Files of other programs
// say nothing, and are taken where their shapes fit.
void require_backbone(const ResultFile& result, const BackboneJob& job);
void require_backbone(const std::string& whose, const Value& said, const BackboneJob& job);  // `said`: an identity

void write_result(const std::string& folder, const ModelJob& job, const Model& model);

std::map<std::string, at::Tensor> read_tensors(const ResultFile& result);
// The same, but of what has a part for each task that of the task which `result` names, if it does.
std::map<std::string, at::Tensor> read_tensors_of_task(const ResultFile& result);
// What a parameter starts from: the result's tensor of its name, or the result's prompt.
enum class FirstFrom { tensor, prompt };
// What has a part for each task of the result goes to those of the step's `tasks` by their names; where `result` names
// a task, or has one alone, that one's goes to all. Throws FormatError naming the tasks that it has.
at::Tensor read_first(const ResultFile& result, const Parameter& parameter, FirstFrom from,
                      const std::vector<std::string>& tasks);
// The prompt [m, d] of a result, of the task that it names where the result holds several. A file of another program
// may call its prompt `prompt_embeddings`, or hold one matrix of any name. Throws FormatError naming file and tensors.
at::Tensor read_prompt(const ResultFile& result);

// The shapes of what the functions above will give: of the file where it is there, else of what is planned.
// Empty where neither is known.
std::optional<std::vector<TensorShape>> tensor_shapes(const ResultFile& result);
std::optional<std::vector<std::int64_t>> first_shape(const ResultFile& result, const Parameter& parameter,
                                                     FirstFrom from, const std::vector<std::string>& tasks);
std::optional<std::vector<std::int64_t>> prompt_shape(const ResultFile& result);
bool is_prompt(const ResultFile& result);  // it is known to hold a prompt that stands alone

}  // namespace atp
