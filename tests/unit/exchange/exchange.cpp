// Formats of trained methods, through the engine: files by hand and files of other programs in, other files out.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/concat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>

#include "atp/tensor_file.h"
#include "tests/unit/torch_save_writer.h"
#include "tests/unit/train/experiment.h"

namespace {

const std::string fixtures = tests::in_source_tree("/../shared/fixtures/");

atp::Engine& engine() {
  static atp::DeviceReport report;
  static const std::unique_ptr<atp::Engine> one(
      atp_make_engine({.device = "cpu", .threads = 1}, all_plugins(), report));
  return *one;
}

atp::AdapterSummary described(const std::string& path, const std::string& format = "", const std::string& task = "") {
  return engine().describe_adapter({path, format, task});
}
void convert(const std::string& from, const std::string& to, const std::string& format, const std::string& task = "",
             std::optional<std::int64_t> part = {}) {
  engine().convert_adapter({from, "", task, part}, {to, format, ""});
}

at::Tensor counted(const std::vector<std::int64_t>& shape, double first = 0) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return ((at::arange(count, at::kFloat) + first) / 7).view(shape);
}

using Tensors = std::map<std::string, at::Tensor>;

std::string peft_folder(const Folder& folder, const std::string& name, const std::string& config,
                        const Tensors& tensors) {
  std::filesystem::create_directories(folder / name);
  std::ofstream(folder / (name + "/adapter_config.json")) << config;
  atp::write_tensors(folder / (name + "/adapter_model.safetensors"), tensors);
  return folder / name;
}

void check_equal(const std::string& path, const Tensors& expected) {
  const atp::TensorFile file(path);
  CHECK(file.entries().size() == expected.size());
  for (const auto& one : expected) {
    CAPTURE(one.first);
    CHECK(file.tensor(one.first).equal(one.second));
  }
}

atp::Value config_in(const std::string& folder) {
  return atp::parse_json(contents(folder + "/adapter_config.json"), "adapter_config.json");
}

atp::Value words(const std::vector<std::string>& all) {
  auto list = atp::Value::list();
  for (const auto& word : all) list.push_back(word);
  return list;
}

// attempt's: as ATTEMPT's own program runs it.
atp::ModelJob model_job(const std::string& method, const std::vector<std::string>& tasks,
                        const std::string& combiner = "attempt") {
  atp::ModelJob job;
  job.backbone.backbone = {"small", checked("backbone", "small")};
  job.backbone.contents = options({{"random", "small"}, {"seed", 0}});
  job.method.name = method;
  auto given = options({{"prompt_length", 3}});
  if (method == "attempt") {
    given.set("source_prompts", "sources");
    given.set("compat", words({"padding_in_pool"}));
    const auto own = combiner == "attempt" ? options({{"rank", 4}, {"temperature", 2087}}) : atp::Value();
    job.combiner = {combiner, checked("combiner", combiner, own)};
  }
  job.method.options = checked("method", method, given);
  job.tasks = tasks;
  for (std::int32_t id = 3; id < 12; ++id) job.frequent_pieces.push_back(id);
  return job;
}

std::string tensors_of(const Folder& folder) { return folder / "checkpoint/tensors.safetensors"; }

void train(const Folder& folder, const atp::ModelJob& model) {
  atp::TrainJob job;
  job.model = model;
  for (std::size_t i = 0; i < model.tasks.size(); ++i)
    job.train.push_back(made_split(model.tasks[i], static_cast<std::int64_t>(i), 5));
  job.settings = {.learning_rate = 0.3, .batch_size = 5, .updates = 2};
  job.folder = folder.path();
  job.identity = "step";
  engine().train(job, {});
}

// A trained mixture of two source prompts for two tasks.
atp::ModelJob train_mixture(const Folder& source, const Folder& mixture, const std::string& combiner) {
  train(source, model_job("prompt_tuning", {"one"}));
  auto model = model_job("attempt", {"a", "b"}, combiner);
  model.inputs["source_prompts"] = {{.name = "sources.x", .file = tensors_of(source), .task = ""},
                                    {.name = "sources/y", .file = tensors_of(source), .task = ""}};
  train(mixture, model);
  return model;
}

}  // namespace

TEST_CASE("a prompt goes to every format that has one, and comes back the same") {
  const Folder result, files;
  const auto model = model_job("prompt_tuning", {"one"});
  train(result, model);
  const at::Tensor prompt = atp::TensorFile(tensors_of(result)).tensor("prompt");
  for (const auto& one : {std::pair("npy", "p.npy"), {"attempt", "p.pt"}, {"attempt", "p"}, {"peft", "peft"}}) {
    const std::string format = one.first, name = one.second;
    CAPTURE(name);
    const Folder adopted;
    convert(result.path(), files / name, format);
    CHECK(described(files / name).format == format);
    CHECK(described(files / name).options.at("prompt_length").integer() == 3);
    engine().adopt_adapter({files / name, "", "one"}, model, adopted.path());
    check_equal(tensors_of(adopted), {{"prompt", prompt}});
    CHECK(contents(adopted / "checkpoint/method.json") == contents(result / "checkpoint/method.json"));
  }
  check_equal(files / "p/prefix_embeddings.pt", {{"tensor", prompt}});
  const auto config = config_in(files / "peft");
  CHECK(config.at("peft_type").text() == "PROMPT_TUNING");
  CHECK(config.at("num_transformer_submodules").integer() == 1);
  CHECK(config.at("num_virtual_tokens").integer() == 3);
  CHECK(described(files / "peft").tasks == std::vector<std::string>{"one"});

  // A folder of PEFT that atp wrote knows the weights that it belongs to.
  auto other = model;
  other.backbone.contents = options({{"random", "small"}, {"seed", 1}});
  const Folder adopted;
  CHECK(contains(message_of([&] {
                   engine().adopt_adapter({files / "peft", "", ""}, other, adopted.path());
                 }),
                 "was trained on another backbone"));
  other = model_job("prompt_tuning", {"one"});
  other.method.options = checked("method", "prompt_tuning", options({{"prompt_length", 4}}));
  CHECK(contains(message_of([&] {
                   engine().adopt_adapter({files / "p.npy", "", ""}, other, adopted.path());
                 }),
                 "tensor 'prompt' has shape [3, 6]; expected [4, 6]"));
  CHECK(contains(message_of([&] { convert(result.path(), files / "p.npy", "pefd"); }), "did you mean 'peft'?"));
  CHECK(contains(message_of([&] { convert(result.path(), files / "p.npy", "tfew"); }), "is only read"));
}

TEST_CASE("an attention over source prompts goes to ATTEMPT's files and back; one prompt for all cannot hold it") {
  const Folder source, mixture, files, adopted;
  const auto model = train_mixture(source, mixture, "attempt");
  convert(mixture.path(), files / "attempt", "attempt");
  for (const auto* name :
       {"prefix_embeddings_a.pt", "prefix_embeddings_b.pt", "attn_W_down.pt", "attn_W_up.pt", "layer_norm_weight.pt",
        "layer_norm_bias.pt", "source_prompts/0.sources.x.pt", "source_prompts/1.sources_y.pt"})
    CHECK(std::filesystem::exists(files / (std::string("attempt/") + name)));
  const auto summary = described(files / "attempt");
  CHECK(summary.method == "attempt");
  CHECK(summary.combiner_options.at("rank").integer() == 4);
  CHECK(summary.combiner_options.at("temperature").number() == 2087);
  CHECK(summary.options.at("compat") == words({"padding_in_pool"}));
  CHECK(summary.tasks == std::vector<std::string>{"a", "b"});
  engine().adopt_adapter({files / "attempt", "", ""}, model, adopted.path());
  CHECK(contents(tensors_of(adopted)) == contents(tensors_of(mixture)));

  convert(mixture.path(), files / "b", "attempt", "b");
  const auto prompts = atp::TensorFile(tensors_of(mixture)).tensor("prompt");
  check_equal(files / "b/prefix_embeddings.pt", {{"tensor", prompts[1]}});
  CHECK(contains(message_of([&] { convert(mixture.path(), files / "c", "attempt", "c"); }), "(they are of: a, b)"));

  for (const auto* format : {"peft", "npy"}) {
    const auto message = message_of([&] { convert(mixture.path(), files / "refused.npy", format, "a"); });
    CHECK_MESSAGE(contains(message, "each input has a mixture of its own"), message);
    CHECK_FALSE(std::filesystem::exists(files / "refused.npy"));
  }
  std::filesystem::remove(files / "attempt/layer_norm_bias.pt");
  CHECK(contains(message_of([&] { described(files / "attempt"); }), "layer_norm_bias.pt is not among them"));
  std::filesystem::remove_all(files / "b/source_prompts");
  CHECK(contains(message_of([&] { described(files / "b"); }), "no source prompts that they mix"));
}

// A result put together by hand, of attempt with its own combiner: a prompt for each task, and two to mix.
void write_mixture(const Folder& folder, std::int64_t width, const std::vector<std::string>& tasks,
                   const atp::Value& method_options, const atp::Value& combiner_options) {
  std::filesystem::create_directories(folder / "checkpoint");
  std::ofstream(folder / "checkpoint/method.json") << atp::to_json(options({{"method", "attempt"},
                                                                            {"method_options", method_options},
                                                                            {"combiner", "attempt"},
                                                                            {"combiner_options", combiner_options},
                                                                            {"tasks", words(tasks)}}));
  atp::write_tensors(tensors_of(folder),
                     {{"prompt", counted({static_cast<std::int64_t>(tasks.size()), 3, width})},
                      {"source_prompts", counted({2, 3, width}, 1)},
                      {"attention.down.weight", counted({4, width}, 2)},
                      {"attention.up.weight", counted({width, 4}, 3)},
                      {"attention.norm.weight", counted({width}, 4)},
                      {"attention.norm.bias", counted({width}, 5)}},
                     {{"tasks", atp::to_json(words(tasks))}, {"of_tasks", R"(["prompt"])"}, {"prompt", "prompt"}});
}

TEST_CASE("ATTEMPT's files hold what its program runs them with: T = 2087 at every width, and padding in the pool") {
  const Folder result, files;
  const auto pool = options({{"compat", words({"padding_in_pool"})}});
  const auto faults = [](const std::vector<std::string>& names) { return options({{"compat", words(names)}}); };
  struct Case {
    std::int64_t width;
    atp::Value method, combiner;
    std::string reason;  // "": it is written
  };
  const std::vector<Case> cases{
      {6, pool, options({{"temperature", 2087}}), ""},
      {6, pool, faults({"temperature"}), ""},
      {6, pool, faults({"attention_norm", "temperature"}), ""},
      {768, pool, options({{"temperature", 2087.0}}), ""},
      {768, pool, atp::Value::map(), ""},  // d·e = 2087.64
      {6, pool, atp::Value::map(), "the scores are divided by d·e = 16.3 (that program's: temperature: 2087)"},
      {512, pool, atp::Value::map(), "divided by d·e = 1391.8"},
      {6, pool, options({{"temperature", 2000}}), "divided by 2000 "},
      {768, pool, options({{"temperature", "learned"}}), "divided by what temperature: learned gives"},
      {768, pool, options({{"temperature", "pool_norm"}}), "divided by what temperature: pool_norm gives"},
      {768, pool, options({{"centred_pools", true}}), "the pools are centred"},
      {768, atp::Value::map(), atp::Value::map(), ""},  // without padding in the pool: a warning
      {6, faults({}), options({{"temperature", 2087}}), ""},
  };
  int number = 0;
  for (const auto& one : cases) {
    CAPTURE(one.width);
    CAPTURE(atp::to_json(one.method));
    CAPTURE(atp::to_json(one.combiner));
    write_mixture(result, one.width, {"a"}, one.method, one.combiner);
    const auto out = files / std::to_string(number++);
    const auto message = message_of([&] { convert(result.path(), out, "attempt"); });
    if (!one.reason.empty()) {
      CHECK_MESSAGE(contains(message, one.reason), message);
      CHECK_FALSE(std::filesystem::exists(out));
      continue;
    }
    CHECK(message == "nothing was thrown");
    CHECK(described(out).combiner_options.at("temperature") == atp::Value(2087));
    CHECK(described(out).options.at("compat") == words({"padding_in_pool"}));
    convert(out, out + "-again", "attempt");
    CHECK(contents(out + "-again/attn_W_up.pt") == contents(out + "/attn_W_up.pt"));
  }
}

TEST_CASE("tasks that one file would be of are told before anything is written") {
  const Folder result, files;
  const auto pool = options({{"compat", words({"padding_in_pool"})}});
  write_mixture(result, 6, {"a/b", "a_b"}, pool, options({{"temperature", 2087}}));
  const auto message = message_of([&] { convert(result.path(), files / "out", "attempt"); });
  CHECK_MESSAGE(contains(message, "tasks 'a/b' and 'a_b' would both be in prefix_embeddings_a_b.pt"), message);
  CHECK_FALSE(std::filesystem::exists(files / "out"));
  convert(result.path(), files / "one", "attempt", "a/b");
  CHECK(std::filesystem::exists(files / "one/prefix_embeddings.pt"));
  CHECK(contains(message_of([&] { convert(result.path(), files / "part", "attempt", "", 1); }),
                 "names its tasks (a/b, a_b); say --task"));

  // A result whose tasks are another number than its prompts.
  atp::write_tensors(tensors_of(result), {{"prompt", counted({3, 3, 6})}, {"source_prompts", counted({2, 3, 6})}},
                     {{"tasks", R"(["a", "b"])"}, {"of_tasks", R"(["prompt"])"}, {"prompt", "prompt"}});
  CHECK(contains(message_of([&] { described(result.path()); }),
                 "'prompt' [3, 3, 6] is said to have a part for each task, and there are 2 tasks"));
}

TEST_CASE("a method that nobody here knows goes wherever one prompt goes, by what its result says of its tensors") {
  const Folder result, files;
  std::filesystem::create_directories(result / "checkpoint");
  std::ofstream(result / "checkpoint/method.json") << R"({"method": "new_one", "tasks": ["a", "b"]})";
  const auto write = [&](const Tensors& tensors, const std::string& prompt, const std::string& of_tasks = "[]") {
    atp::write_tensors(tensors_of(result), tensors,
                       {{"tasks", R"(["a", "b"])"}, {"of_tasks", of_tasks}, {"prompt", prompt}});
  };
  const auto prompts = counted({2, 3, 6});
  write({{"soft", prompts}}, "soft", R"(["soft"])");
  for (const auto& one : {std::pair("npy", "p.npy"), {"attempt", "p.pt"}, {"peft", "peft"}}) {
    const std::string format = one.first, name = one.second;
    CAPTURE(format);
    CHECK(
        contains(message_of([&] { convert(result.path(), files / name, format); }), "with --task (they are of: a, b)"));
    convert(result.path(), files / name, format, "b");
  }
  check_equal(files / "p.npy", {{"tensor", prompts[1]}});
  check_equal(files / "peft/adapter_model.safetensors", {{"prompt_embeddings", prompts[1]}});
  CHECK(described(files / "peft").method == "prompt_tuning");
  CHECK(described(files / "peft").tasks == std::vector<std::string>{"b"});

  write({{"soft", prompts[0]}}, "soft");  // one prompt for both
  convert(result.path(), files / "shared.npy", "npy");
  check_equal(files / "shared.npy", {{"tensor", prompts[0]}});

  const auto refused = [&](const std::string& expected) {
    const auto message = message_of([&] { convert(result.path(), files / "no.npy", "npy", "a"); });
    CHECK_MESSAGE(contains(message, expected), message);
  };
  write({{"soft", prompts}, {"gate", counted({6})}}, "soft", R"(["soft"])");
  refused("it changes more than what stands before the input: it has trained gate beside its prompt soft");
  write({{"soft", prompts}}, "", R"(["soft"])");
  refused("it changes more than what stands before the input: soft is no prompt by itself");
  write({{"soft", counted({2, 3})}}, "soft", R"(["soft"])");
  refused("its prompt soft [1, 3] is no matrix for each task");
}

TEST_CASE("the mean of source prompts beside a task's own is one prompt, and goes wherever one goes") {
  const Folder source, mixture, files;
  train_mixture(source, mixture, "no_attention");
  CHECK(contains(message_of([&] { convert(mixture.path(), files / "p.npy", "npy"); }),
                 "with --task (they are of: a, b)"));
  convert(mixture.path(), files / "p.npy", "npy", "b");
  const atp::TensorFile trained(tensors_of(mixture));
  const auto sources = trained.tensor("source_prompts");
  const auto expected = trained.tensor("prompt")[1] + (sources[0] + sources[1]) / 2;
  CHECK(atp::TensorFile(files / "p.npy").tensor("tensor").sub(expected).abs().max().item<float>() < 1e-6F);
}

TEST_CASE("what no format holds is refused: what it is, what the formats hold, what to do") {
  const std::string mixture = "each input has a mixture of its own",
                    other = "it changes more than what stands before the input", only_read = "PEFT has no such type";
  struct Case {
    std::vector<std::string> methods;
    std::string combiner;
    std::map<std::string, std::string> reasons;  // format → why not
  };
  const std::map<std::string, std::string> everywhere{{"npy", other}, {"peft", other}, {"attempt", other}};
  std::vector<Case> cases{
      {{"adapter", "adapter_drop", "adapter_fusion", "bitfit", "fine_tuning", "hyperformer", "hyperdecoder", "new_one"},
       "",
       everywhere},
      {{"lora", "ia3", "prefix_tuning"}, "", {{"npy", other}, {"attempt", other}}},
      {{"dept"}, "", {{"npy", other}, {"peft", only_read}, {"attempt", other}}},
      {{"attempt"}, "attempt", {{"npy", mixture}, {"peft", mixture}}},
  };
  for (const auto* combiner : {"token_level", "linear", "dot", "smop", "single_prompt", "new_one"})
    cases.push_back({{"attempt"}, combiner, {{"npy", mixture}, {"peft", mixture}, {"attempt", mixture}}});
  const Folder files;
  std::filesystem::create_directory(files / "checkpoint");
  const auto result_of = [&](const std::string& method, const std::string& combiner) {
    auto said = options({{"method", method}});
    if (!combiner.empty()) said.set("combiner", combiner);
    std::ofstream(files / "checkpoint/method.json") << atp::to_json(said);
  };
  atp::write_tensors(tensors_of(files), {{"prompt", counted({1, 3, 6})}, {"source_prompts", counted({2, 3, 6})}});
  for (const auto& one : cases)
    for (const auto& method : one.methods)
      for (const auto& refused : one.reasons) {
        const std::string &format = refused.first, &reason = refused.second;
        CAPTURE(method);
        CAPTURE(one.combiner);
        CAPTURE(format);
        result_of(method, one.combiner);
        const auto message = message_of([&] { convert(files.path(), files / "out", format); });
        const auto whose = "cannot hold what method '" + method + "'" +
                           (one.combiner.empty() ? "" : " with combiner '" + one.combiner + "'") + " has trained: ";
        for (const auto& part : {"format '" + format + "' " + whose + reason, std::string("\n  result: every method\n"),
                                 std::string("\n  peft: what is one prompt, as npy; mpt, lora, ia3, prefix_tuning"),
                                 std::string("atp predict and recipes take a result as it is")})
          CHECK_MESSAGE(contains(message, part), message);
        CHECK_FALSE(std::filesystem::exists(files / "out"));
      }

  // SPoT's way to its prompt is another, and what it ends with is a prompt.
  result_of("spot", "");
  atp::write_tensors(tensors_of(files), {{"prompt", counted({3, 6})}});
  convert(files.path(), files / "spot", "peft");
  check_equal(files / "spot/adapter_model.safetensors", {{"prompt_embeddings", counted({3, 6})}});
  CHECK(described(files / "spot").method == "prompt_tuning");
}

TEST_CASE("PEFT's types are read and written") {
  const Folder files;
  const std::string q = "base_model.model.encoder.block.0.layer.0.SelfAttention.q",
                    wo = "base_model.model.decoder.block.1.layer.2.DenseReluDense.wo",
                    v = "base_model.model.decoder.block.1.layer.1.EncDecAttention.v";
  struct Case {
    std::string name, config, method;
    Tensors peft, result;
  };
  const auto columns = counted({2, 3, 1}), rows = counted({2, 1, 6}, 3), prompt = counted({3, 6}, 1);
  const std::vector<Case> cases{
      {"lora",
       R"({"peft_type": "LORA", "r": 2, "lora_alpha": 6, "lora_dropout": 0.05, "target_modules": ["q"], "bias": "none"})",
       "lora",
       {{q + ".lora_A.weight", counted({2, 6})}, {q + ".lora_B.weight", counted({4, 2}, 5)}},
       {{q.substr(17) + ".lora_A", counted({2, 6})}, {q.substr(17) + ".lora_B", counted({4, 2}, 5)}}},
      {"ia3",
       R"({"peft_type": "IA3", "target_modules": ["v", "wo"], "feedforward_modules": ["wo"]})",
       "ia3",
       {{v + ".ia3_l", counted({4, 1})}, {wo + ".ia3_l", counted({1, 8}, 2)}},
       {{v.substr(17) + ".ia3", counted({4})}, {wo.substr(17) + ".ia3", counted({8}, 2)}}},
      {"prefix",
       R"({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 3, "num_layers": 2, "token_dim": 4,
        "num_transformer_submodules": 2})",
       "prefix_tuning",
       {{"prompt_embeddings", counted({3, 16})}},
       {{"prefix", counted({3, 4, 4})}}},
      {"mpt",
       R"({"peft_type": "MULTITASK_PROMPT_TUNING", "num_virtual_tokens": 3, "num_ranks": 1, "num_tasks": 2,
        "num_transformer_submodules": 1})",
       "mpt",
       {{"prompt_embeddings", prompt}, {"prefix_task_cols", columns}, {"prefix_task_rows", rows}},
       {{"prompt", prompt}, {"task_columns", columns}, {"task_rows", rows}}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto in = peft_folder(files, one.name, one.config, one.peft);
    const auto summary = described(in);
    CHECK(summary.format == "peft");
    CHECK(summary.method == one.method);
    CHECK(summary.tensors.size() == one.result.size());
    for (const auto& tensor : summary.tensors) {
      CAPTURE(tensor.name);
      REQUIRE(one.result.count(tensor.name));
      CHECK(one.result.at(tensor.name).sizes().vec() == tensor.shape);
    }
    convert(in, in + "-again", "peft");
    check_equal(in + "-again/adapter_model.safetensors", one.peft);
    const auto config = atp::parse_json(one.config, "config");
    for (const auto& [key, value] : config.members())
      if (key != "target_modules" && key != "feedforward_modules") CHECK(config_in(in + "-again").at(key) == value);
  }
  CHECK(described(files / "lora").options.at("alpha").number() == 6);
  CHECK(config_in(files / "lora-again").at("target_modules").items().at(0).text() == q.substr(17));
  CHECK(config_in(files / "ia3-again").at("feedforward_modules").items().at(0).text() == wo.substr(17));

  // One task's prompt of MPT's is one prompt.
  CHECK(contains(message_of([&] { convert(files / "mpt", files / "mpt.npy", "npy"); }),
                 "--part takes one by its number, from 0 to 1"));
  CHECK(contains(message_of([&] { convert(files / "mpt", files / "mpt.npy", "npy", "one"); }),
                 "which part is of 'one' is not known; the files do not name their tasks: --part takes one"));
  CHECK(contains(message_of([&] { convert(files / "mpt", files / "mpt.npy", "npy", "1"); }), "'1' is not known"));
  CHECK(contains(message_of([&] { convert(files / "mpt", files / "mpt.npy", "npy", "", 2); }),
                 "--part: there is no part 2; the last one is 1"));
  convert(files / "mpt", files / "mpt.npy", "npy", "one", 1);
  check_equal(files / "mpt.npy", {{"tensor", prompt * at::matmul(columns[1], rows[1])}});

  // A file that does not say it has a decoder's prompt behind the encoder's: PEFT makes two for a T5.
  const auto two = peft_folder(files, "two", R"({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2})",
                               {{"prompt_embeddings", counted({4, 6})}});
  convert(two, files / "two.npy", "npy");
  check_equal(files / "two.npy", {{"tensor", counted({4, 6}).narrow(0, 0, 2)}});

  // DePT's is read, and PEFT has no such type.
  const auto dept = peft_folder(files, "dept", R"({"peft_type": "PROMPT_TUNING_LORA", "num_virtual_tokens": 3, "r": 2,
      "lora_alpha": 4, "max_length": 5, "token_dim": 6, "num_transformer_submodules": 1})",
                                {{"prompt_embeddings", prompt},
                                 {"prompt_encoder.lora_embedding_A", counted({5, 2})},
                                 {"prompt_encoder.lora_embedding_B", counted({2, 6})}});
  CHECK(described(dept).options.at("alpha").number() == 4);
  CHECK(described(dept).options.at("max_length").integer() == 5);
  CHECK(contains(message_of([&] { convert(dept, files / "dept.npy", "npy"); }),
                 "it changes more than what stands before the input"));
  CHECK(contains(message_of([&] { convert(dept, files / "dept-again", "peft"); }), "PEFT has no such type"));
}

TEST_CASE("T-Few's scalings are IA3's; what scales the output of wi_1 scales the input of wo") {
  const Folder files;
  torch_save::write(files / "finish.pt",
                    {{"encoder.block.0.layer.0.SelfAttention.k.multi_lora_b", counted({4, 1})},
                     {"encoder.block.0.layer.1.DenseReluDense.wi_1.multi_lora_b", counted({8, 1}, 3)}});
  CHECK(described(files / "finish.pt").format == "tfew");
  convert(files / "finish.pt", files / "ia3", "peft");
  check_equal(files / "ia3/adapter_model.safetensors",
              {{"base_model.model.encoder.block.0.layer.0.SelfAttention.k.ia3_l", counted({4, 1})},
               {"base_model.model.encoder.block.0.layer.1.DenseReluDense.wo.ia3_l", counted({1, 8}, 3)}});
}

TEST_CASE("files that are damaged or of something else are refused, each with what is wrong") {
  const Folder files;
  const std::string site = "base_model.model.encoder.block.0.layer.0.SelfAttention.q";
  const std::string prompt_config =
      R"({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3, "num_transformer_submodules": 1)";
  const Tensors prompt{{"prompt_embeddings", counted({3, 6})}},
      lora{{site + ".lora_A.weight", counted({2, 6})}, {site + ".lora_B.weight", counted({4, 2})}};
  int number = 0;
  const auto refused = [&](const std::string& config, const Tensors& tensors, const std::string& expected) {
    CAPTURE(config);
    const auto folder = peft_folder(files, std::to_string(number++), config, tensors);
    const auto message = message_of([&] { described(folder); });
    CHECK_MESSAGE(contains(message, expected), message);
    CHECK(contains(message, folder));
  };
  refused("[]", prompt, "found list, expected a map of settings");
  refused("{}", prompt, "no 'peft_type'");
  refused("{", prompt, "adapter_config.json");
  refused(R"({"peft_type": "PROMPT_TUNNING"})", prompt, "did you mean 'PROMPT_TUNING'?");
  refused(R"({"peft_type": "PROMPT_TUNING"})", prompt, "no 'num_virtual_tokens'");
  refused(R"({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": "3"})", prompt, "expected an integer of 1 or more");
  refused(prompt_config + R"(, "token_dim": 7})", prompt, "has shape [3, 6]; expected [3, 7]");
  refused(prompt_config + "}", {{"prompt", counted({3, 6})}},
          "tensor 'prompt' [3, 6] is none that PEFT's PROMPT_TUNING has");
  refused(prompt_config + "}", {}, "no tensor 'prompt_embeddings'");
  refused(prompt_config + "}", {{"prompt_embeddings", counted({3, 6}).to(at::kLong)}},
          "expected floating-point numbers");
  refused(R"({"peft_type": "LORA", "r": 3})", lora, "expected [3, any]");
  refused(R"({"peft_type": "LORA", "r": 2, "use_dora": true})", lora, "'use_dora' is true");
  for (const std::string dropout : {"\"0.1\"", "1", "-0.5"})
    refused(R"({"peft_type": "LORA", "r": 2, "lora_dropout": )" + dropout + "}", lora, "'lora_dropout' is " + dropout);
  refused(R"({"peft_type": "LORA", "r": 2, "rank_pattern": {"q": 4}})", lora, "'rank_pattern'");
  for (const std::string changed : {"pissa", "pissa_niter_4", "olora", "OLoRA", "corda", "loftq", "lora_ga", "newest"})
    refused(R"({"peft_type": "LORA", "r": 2, "init_lora_weights": ")" + changed + "\"}", lora,
            "'init_lora_weights' is \"" + changed + "\"");
  for (const char* variant :
       {R"("alora_invocation_tokens": [3])", R"("layer_replication": [[0, 2]])", R"("kasa_config": {"a": 1})"})
    refused(std::string(R"({"peft_type": "LORA", "r": 2, )") + variant + "}", lora,
            "atp's methods have nothing like it");
  refused(R"({"peft_type": "LORA", "r": 2})", {{site + ".lora_A.weight", counted({2, 6})}}, ".lora_B.weight' is not");
  refused(R"({"peft_type": "LORA", "r": 2})", {}, "no tensors");
  refused(R"({"peft_type": "MULTITASK_PROMPT_TUNING", "num_virtual_tokens": 3, "num_transformer_submodules": 1})",
          {{"prompt_embeddings", counted({3, 6})},
           {"prefix_task_cols", counted({0, 3, 1})},
           {"prefix_task_rows", counted({0, 1, 6})}},
          "has shape [0, 1, 6], and holds no number");
  refused(prompt_config + "}", {{"prompt_embeddings", counted({3, 6}).log() / 0}}, "holds NaN or infinity");
  refused(R"({"peft_type": "IA3"})", {{site + ".ia3_l", counted({4, 1})}}, "is none that atp's ia3 has");

  const auto cut = peft_folder(files, "cut", prompt_config + "}", prompt);
  std::filesystem::resize_file(cut + "/adapter_model.safetensors", 100);
  CHECK(contains(message_of([&] { described(cut); }), "cut short"));
  std::filesystem::remove(cut + "/adapter_model.safetensors");
  CHECK(contains(message_of([&] { described(cut); }), "neither adapter_model.safetensors nor adapter_model.bin"));
  torch_save::write(cut + "/adapter_model.bin", prompt);
  CHECK(described(cut).method == "prompt_tuning");

  std::filesystem::create_directory(files / "empty");
  CHECK(contains(message_of([&] { described(files / "empty"); }), "none of the formats that are known"));
  CHECK(contains(message_of([&] { described(files / "nothing"); }), "no such file or folder"));
  convert(cut, files / "one.npy", "npy");
  std::filesystem::resize_file(files / "one.npy", 130);
  CHECK(contains(message_of([&] { described(files / "one.npy"); }), "takes 72"));
}

TEST_CASE("files that other programs wrote are read") {
  if (!std::filesystem::exists(fixtures)) {
    MESSAGE("skipped: no ../shared/fixtures here");
    return;
  }
  const Folder files;
  const auto sizes = [](const atp::AdapterSummary& summary, const std::string& name) {
    for (const auto& tensor : summary.tensors)
      if (tensor.name == name) return tensor.shape;
    return std::vector<std::int64_t>{};
  };
  using Shape = std::vector<std::int64_t>;
  const auto attempt = fixtures + "attempt_prompts/record_prefix_embeddings.pt";
  CHECK(described(attempt).format == "attempt");
  CHECK(sizes(described(attempt), "prompt") == Shape{100, 768});
  convert(attempt, files / "record", "peft");
  check_equal(files / "record/adapter_model.safetensors",
              {{"prompt_embeddings", atp::TensorFile(attempt).tensor("tensor")}});
  for (const auto* name : {"mrpc", "rte"}) {
    const auto google = fixtures + "google_prompts/" + name + ".npy";
    CHECK(sizes(described(google), "prompt") == Shape{100, 768});
    convert(google, files / (std::string(name) + ".npy"), "npy");
    CHECK(contents(files / (std::string(name) + ".npy")) == contents(google));  // byte by byte
  }
  const auto dept = described(fixtures + "dept_adapters/cola");
  CHECK(dept.method == "dept");
  CHECK(sizes(dept, "prompt") == Shape{dept.options.at("prompt_length").integer(), 768});
  CHECK(sizes(dept, "low_rank.A") == Shape{256, dept.options.at("rank").integer()});
  CHECK(described(fixtures + "dept_adapters/sst2").method == "dept");

  const auto tfew = fixtures + "tfew_ia3/t03b_ia3_finish.pt";
  const auto ia3 = described(tfew);
  CHECK(ia3.method == "ia3");
  CHECK(ia3.tensors.size() == 192);
  CHECK(sizes(ia3, "decoder.block.23.layer.2.DenseReluDense.wo.ia3") == Shape{5120});
  convert(tfew, files / "t0", "peft");
  CHECK(described(files / "t0").tensors.size() == 192);
}
