#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "atp/tensor_file.h"
#include "atp/value.h"
#include "engine/engine.h"

namespace atp {

// A trained method on its way from one format to another: what scoring needs, by the names that atp's results have.
struct Adapter : AdapterDescription {
  std::map<std::string, at::Tensor> tensors = {};  // on the CPU
  std::vector<std::string> of_tasks = {};          // those [N, …] that have one part for each task
  std::string prompt = {};                         // the one that is a prompt by itself (Method::prompt); "": none is
  Value backbone = {};          // what the weights are that it was trained on; null: the file does not say
  std::string base_model = {};  // their name among people: "t5-base"; "" where it is not known
};

// What a format cannot hold, with the reason.
[[noreturn]] void refuse(const Adapter& adapter, const std::string& format, const std::string& reason);

// The one prompt [m, d] that the adapter puts before every input, where there is one: the only tensor of a method that
// says it is a prompt; of mpt and of attempt with no_attention, which make it of several, of one task. Refuses all else
// for `format`: a mixture that depends on the input, changes inside the backbone, several tasks.
at::Tensor only_prompt(const Adapter& adapter, const std::string& format);
// One prompt [m, d] before every input, as prompt_tuning has it.
Adapter prompt_tuning_adapter(const at::Tensor& prompt);
// The adapter for one of its tasks alone. What has no part for each task is taken to be of this one, whatever it was
// trained on. Throws RecipeError with the nearest name where it has parts and none for this task.
Adapter for_task(Adapter adapter, const std::string& task);
// The same for the task of this number. Throws RecipeError where it has no such part.
Adapter for_part(Adapter adapter, std::int64_t number);

// --- for readers of formats ---

// A tensor of numbers, in float32 or float64; -1 in `shape` stands for any size from 1. Throws FormatError naming the
// file, the tensor, what was found and what was expected.
at::Tensor numbers_in(const TensorFile& file, const std::string& name, const std::vector<std::int64_t>& shape);
// Throws FormatError naming the first tensor of the file that is not among `known`, which the format does not have.
void refuse_others(const TensorFile& file, const std::map<std::string, std::string>& known, const std::string& format);

// What files written by atp say beside their tensors, in safetensors' metadata.
std::map<std::string, std::string> metadata_of(const Adapter& adapter);
void read_metadata(const TensorFile& file, Adapter& adapter);
// The list of names that a file's metadata has under `key`; nothing where it has none.
std::optional<std::vector<std::string>> names_in(const TensorFile& file, const std::string& key);

}  // namespace atp
