#include "engine/inputs.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "atp/error.h"
#include "atp/tensor_file.h"
#include "atp/words.h"
#include "engine/result_file.h"

namespace atp {

namespace {

// The place in the recipe that names a result, where it is known.
Origin origin_of(const ModelJob& job, const std::string& key) {
  const auto& options = job.method.options;
  return options.options().find(key) ? options.origin(key) : options.where();
}

template <class Function>
auto said_at(const Origin& origin, const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    if (error.origin().known() || !origin.known()) throw;
    throw RecipeError(origin, error.what());
  }
}

const std::vector<ResultFile>& files_of(const ModelJob& job, const std::string& key) {
  static const std::vector<ResultFile> none;
  const auto found = job.inputs.find(key);
  return found == job.inputs.end() ? none : found->second;
}

bool has_prompt(const Method& method) {
  const auto parameters = method.parameters();
  return std::any_of(parameters.begin(), parameters.end(), [](const auto* one) { return one->name == "prompt"; });
}

// In {files: {TENSOR: PATH}} `down` stands for attention.down.weight.
bool is_called(const Parameter& parameter, const std::string& said) {
  return parameter.name == said || parameter.name == "attention." + said ||
         parameter.name == "attention." + said + ".weight";
}

const ResultFile& attention_file(const ModelJob& job, const Parameter& parameter) {
  for (const auto& file : files_of(job, "attention_from"))
    if (file.tensor.empty() || is_called(parameter, file.tensor)) return file;
  throw RecipeError("'attention_from': no file for '" + parameter.name +
                    "'; {files: {TENSOR: PATH}} needs one for each");
}

// What other results may give first values of: all that is trained, and what of the attention is kept.
std::vector<const Parameter*> may_be_given(const Method& method) {
  auto all = method.parameters();
  for (const auto* kept : method.buffers())
    if (kept->group == "attention") all.push_back(kept);
  return all;
}

std::vector<const Parameter*> attention_of(const Method& method) {
  auto attention = may_be_given(method);
  std::erase_if(attention, [](const auto* one) { return one->group != "attention"; });
  return attention;
}

// Every file is for one of the tensors.
void check_attention_files(const ModelJob& job, const std::vector<const Parameter*>& attention) {
  std::vector<std::string> known;
  for (const auto* one : attention) known.push_back(one->name);
  for (const auto& file : files_of(job, "attention_from"))
    if (!known.empty() && !file.tensor.empty() &&
        std::none_of(attention.begin(), attention.end(), [&](const auto* one) { return is_called(*one, file.tensor); }))
      throw RecipeError("'attention_from': there is no tensor '" + file.tensor + "'" +
                        did_you_mean(file.tensor, known) + "; there are: " + joined(known));
}

// What the other step's attention has and this one's lacks (a centre, a learned temperature) would be lost silently.
void check_all_taken(const ModelJob& job, const std::vector<const Parameter*>& attention) {
  const auto is_attention = [](const TensorShape& tensor) { return tensor.name.starts_with("attention."); };
  if (attention.empty()) return;  // a plan notes that nothing is taken
  for (const auto& file : files_of(job, "attention_from")) {
    const auto shapes = file.tensor.empty() ? tensor_shapes(file) : std::nullopt;
    if (!shapes) continue;
    if (std::none_of(shapes->begin(), shapes->end(), is_attention)) {
      std::vector<std::string> names;
      for (std::size_t i = 0; i < shapes->size() && i < 8; ++i) names.push_back((*shapes)[i].name);
      throw RecipeError("'attention_from': '" + file.name + "' has no attention layers (it holds: " + joined(names) +
                        (names.size() < shapes->size() ? ", …" : "") +
                        "); name a result of a method that trains them, as attempt does");
    }
    for (const auto& tensor : *shapes)
      if (is_attention(tensor) &&
          std::none_of(attention.begin(), attention.end(), [&](const auto* one) { return one->name == tensor.name; }))
        throw RecipeError("'attention_from': '" + file.name + "' has '" + tensor.name +
                          "', which this step's combiner has not; give both the same combiner with the same options "
                          "(temperature, centred_pools)");
  }
}

// What gives a parameter its first value.
struct FirstValue {
  std::string key;  // of the input
  const ResultFile* file = nullptr;
  FirstFrom from = FirstFrom::tensor;
};

// nullptr: it is drawn. start_from gives a method whose prompt stands alone, or that mixes prompts, the prompt alone;
// any other takes all that it trains from a result like its own, and its prompt from one that is a prompt.
FirstValue first_value(const ModelJob& job, const Method& method, const Parameter& parameter) {
  if (parameter.group == "attention" && !files_of(job, "attention_from").empty())
    return {"attention_from", &attention_file(job, parameter)};
  const auto& options = job.method.options.options();
  const auto* start = options.find("start_from");
  const auto& files = files_of(job, "start_from");
  if (files.empty() || start->input != Option::Input::first_values) return {};
  const bool prompt_alone =
      !method.prompt().empty() || options.find("attention_from") || (has_prompt(method) && is_prompt(files.front()));
  if (!prompt_alone) return {"start_from", &files.front()};
  if (parameter.name != "prompt") return {};
  return {"start_from", &files.front(), FirstFrom::prompt};
}

void check_prompt(const ResultFile& from, const Parameter& parameter, const std::vector<std::string>& tasks) {
  const auto shape = first_shape(from, parameter, FirstFrom::prompt, tasks);
  if (!shape) return;
  const auto length = parameter.shape.at(parameter.shape.size() - 2), width = parameter.shape.back();
  const auto own_length = shape->at(shape->size() - 2);
  if (shape->back() != width)
    throw RecipeError("'start_from': the prompt of '" + from.name + "' has width " + std::to_string(shape->back()) +
                      ", and this step's backbone " + std::to_string(width) + "; start from a prompt of this backbone");
  if (own_length != length)
    throw RecipeError("'start_from': the prompt of '" + from.name + "' is " + std::to_string(own_length) +
                      " tokens long, and this step's is " + std::to_string(length) +
                      "; give both the same prompt_length");
}

void check_tensor(const FirstValue& from, const Parameter& parameter, const std::vector<std::string>& tasks) {
  const auto shape = first_shape(*from.file, parameter, FirstFrom::tensor, tasks);
  if (!shape || parameter.takes(*shape)) return;
  throw RecipeError(
      "'" + from.key + "': '" + parameter.name + "' of '" + from.file->name + "' has shape " + shape_text(*shape) +
      ", and this step's " + shape_text(parameter.shape) +
      "; give both the same method and combiner with the same options and as many source prompts, and the same "
      "backbone");
}

at::Tensor outline_of(const std::vector<std::int64_t>& shape) { return at::empty(shape, at::TensorOptions(at::kMeta)); }

// Nothing where a file's shapes are not known yet.
std::optional<NamedTensor> planned_prompt(const ResultFile& file) {
  const auto shape = prompt_shape(file);
  if (!shape) return {};
  return NamedTensor(file.name, outline_of(*shape));
}

std::optional<NamedResult> planned_result(const ResultFile& file) {
  const auto shapes = tensor_shapes(file);
  if (!shapes) return {};
  NamedResult result{file.name, {}};
  for (const auto& one : *shapes) result.tensors.emplace(one.name, outline_of(one.shape));
  return result;
}

// What each option that names prompts or whole results gives, for a plan and for a run: an entry for every one of them,
// empty where the recipe names nothing. False where some are not known yet, and then no part of `start`.
template <class Prompt, class Result>
bool take_inputs(const ModelJob& job, Start& start, const Prompt& prompt_of, const Result& result_of) {
  bool all_known = true;
  const auto take = [&](const std::string& key, const auto& one_of, auto& inputs) {
    auto& taken = inputs[key];
    for (const auto& file : files_of(job, key)) {
      auto known = one_of(file);
      if (!known) {
        inputs.erase(key);
        all_known = false;
        return;
      }
      taken.push_back(std::move(*known));
    }
  };
  for (const auto& option : job.method.options.options().all())
    said_at(origin_of(job, option.key), [&] {
      if (option.input == Option::Input::results)
        take(option.key, result_of, start.results);
      else if (option.names_results() && option.input != Option::Input::first_values)
        take(option.key, prompt_of, start.prompts);
    });
  return all_known;
}

// All that is read was trained on this backbone, as far as it says.
void check_backbones(const ModelJob& job) {
  for (const auto& [key, files] : job.inputs)
    said_at(origin_of(job, key), [&, &inputs = files] {
      for (const auto& file : inputs) require_backbone(file, job.backbone);
    });
}

}  // namespace

void read_inputs(const ModelJob& job, const Method& method, Start& start) {
  check_backbones(job);
  take_inputs(
      job, start, [](const ResultFile& file) { return std::optional(NamedTensor(file.name, read_prompt(file))); },
      [](const ResultFile& file) {
        return std::optional(NamedResult{file.name, read_tensors_of_task(file)});
      });
  const auto parameters = may_be_given(method);
  for (const auto* parameter : parameters) {
    const auto from = first_value(job, method, *parameter);
    if (from.file) start.given.emplace(parameter->name, read_first(*from.file, *parameter, from.from, job.tasks));
  }
}

void plan_inputs(const ModelJob& job, Method& method, Start start) {
  check_backbones(job);
  const auto parameters = may_be_given(method);
  said_at(origin_of(job, "attention_from"), [&] {
    check_attention_files(job, attention_of(method));
    check_all_taken(job, attention_of(method));
  });
  const bool all_known = take_inputs(job, start, planned_prompt, planned_result);
  for (const auto* parameter : parameters) {
    if (const auto from = first_value(job, method, *parameter); from.file)
      said_at(origin_of(job, from.key), [&] {
        return from.from == FirstFrom::prompt ? check_prompt(*from.file, *parameter, job.tasks)
                                              : check_tensor(from, *parameter, job.tasks);
      });
    else if (parameter->initial)
      parameter->initial(start, *parameter);
    start.given.emplace(parameter->name, outline_of(parameter->shape));
  }
  if (!all_known) return;
  // What is left are the values that are kept and not trained.
  const auto& options = job.method.options.options().all();
  const auto names_others = [&](const Option& option) {
    return option.input != Option::Input::first_values && !files_of(job, option.key).empty();
  };
  const auto first = std::find_if(options.begin(), options.end(), names_others);
  said_at(first == options.end() ? job.method.options.where() : origin_of(job, first->key),
          [&] { method.initialise(start); });
}

}  // namespace atp
