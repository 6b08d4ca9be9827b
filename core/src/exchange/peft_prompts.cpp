// Prompts in PEFT's folders.
//   PROMPT_TUNING            prompt_embeddings [s·n, d]
//   MULTITASK_PROMPT_TUNING  prompt_embeddings [s·n, d], prefix_task_cols [T, s·n, r], prefix_task_rows [T, r, d]
//   PROMPT_TUNING_LORA       prompt_embeddings [n, d], prompt_encoder.lora_embedding_A [max, r], …_B [r, d]  (DePT)
// With s = num_transformer_submodules: 1, the encoder's prompt alone; 2, a decoder's behind it. PEFT takes 2 for T5
// where the config does not say it.
#include "atp/error.h"
#include "atp/log.h"
#include "exchange/peft.h"

namespace atp::exchange {

namespace {

const std::string embeddings = "prompt_embeddings";
const std::string columns = "prefix_task_cols", rows = "prefix_task_rows";
const std::string low_rank_a = "prompt_encoder.lora_embedding_A", low_rank_b = "prompt_encoder.lora_embedding_B";

std::int64_t width_of(const PeftFiles& files) { return files.count("token_dim").value_or(-1); }

// n, and s · n.
std::pair<std::int64_t, std::int64_t> lengths_of(const PeftFiles& files) {
  const auto length = files.needed_count("num_virtual_tokens");
  const auto parts = files.count("num_transformer_submodules").value_or(2);
  if (parts > 2) files.fail("'num_transformer_submodules' is " + std::to_string(parts) + "; expected 1 or 2");
  if (parts == 2)
    log::warn(files.tensors().path() +
              ": the prompt has a second half, which stands before the decoder's input "
              "(num_transformer_submodules is not 1); methods of atp have no such thing, and it is left out");
  return {length, parts * length};
}

Adapter prompt_of(const PeftFiles& files) {
  const auto [length, all] = lengths_of(files);
  Adapter adapter =
      prompt_tuning_adapter(numbers_in(files.tensors(), embeddings, {all, width_of(files)}).narrow(0, 0, length));
  read_metadata(files.tensors(), adapter);
  return adapter;
}

// The same for a method whose prompt is none without the other tensors that it has.
Adapter prompt_of(const PeftFiles& files, const std::string& method) {
  Adapter adapter = prompt_of(files);
  adapter.method = method;
  adapter.prompt.clear();
  return adapter;
}

// One prompt of the encoder's, as PEFT's configs say it.
PeftContents prompt_contents(const at::Tensor& prompt) {
  PeftContents contents;
  contents.config.set("num_virtual_tokens", prompt.size(0));
  contents.config.set("token_dim", prompt.size(1));
  contents.config.set("num_transformer_submodules", 1);
  contents.config.set("prompt_tuning_init", "RANDOM");
  contents.tensors.emplace(embeddings, prompt);
  return contents;
}

}  // namespace

Adapter read_prompt_tuning(const PeftFiles& files) {
  refuse_others(files.tensors(), {{embeddings, ""}}, "PEFT's PROMPT_TUNING");
  return prompt_of(files);
}

Adapter read_multitask_prompt_tuning(const PeftFiles& files) {
  refuse_others(files.tensors(), {{embeddings, ""}, {columns, ""}, {rows, ""}}, "PEFT's MULTITASK_PROMPT_TUNING");
  Adapter adapter = prompt_of(files, "mpt");
  const at::Tensor& prompt = adapter.tensors.at("prompt");
  const auto length = prompt.size(0);
  const auto parts = files.count("num_transformer_submodules").value_or(2);
  const at::Tensor task_rows =
      numbers_in(files.tensors(), rows, {-1, files.count("num_ranks").value_or(1), prompt.size(1)});
  const auto tasks = task_rows.size(0), rank = task_rows.size(1);
  adapter.options.set("rank", rank);
  adapter.of_tasks = {"task_columns", "task_rows"};
  adapter.tensors.emplace("task_columns",
                          numbers_in(files.tensors(), columns, {tasks, parts * length, rank}).narrow(1, 0, length));
  adapter.tensors.emplace("task_rows", task_rows);
  return adapter;
}

Adapter read_dept(const PeftFiles& files) {
  refuse_others(files.tensors(), {{embeddings, ""}, {low_rank_a, ""}, {low_rank_b, ""}}, "DePT's PROMPT_TUNING_LORA");
  Adapter adapter = prompt_of(files, "dept");
  const auto width = adapter.tensors.at("prompt").size(1), rank = files.needed_count("r");
  const auto longest = files.needed_count("max_length");
  adapter.options.set("rank", rank);
  adapter.options.set("max_length", longest);
  adapter.options.set("alpha", files.number("lora_alpha").value_or(8));
  adapter.tensors.emplace("low_rank.A", numbers_in(files.tensors(), low_rank_a, {longest, rank}));
  adapter.tensors.emplace("low_rank.B", numbers_in(files.tensors(), low_rank_b, {rank, width}));
  return adapter;
}

PeftContents prompt_tuning_of(const Adapter& adapter) { return prompt_contents(only_prompt(adapter, "peft")); }

PeftContents multitask_prompt_tuning_of(const Adapter& adapter) {
  PeftContents contents = prompt_contents(adapter.tensors.at("prompt"));
  const at::Tensor& task_columns = adapter.tensors.at("task_columns");
  contents.config.set("num_tasks", task_columns.size(0));
  contents.config.set("num_ranks", task_columns.size(2));
  contents.tensors.emplace(columns, task_columns);
  contents.tensors.emplace(rows, adapter.tensors.at("task_rows"));
  return contents;
}

}  // namespace atp::exchange
