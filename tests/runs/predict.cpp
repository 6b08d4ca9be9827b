#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

Ended predict(const Experiment& experiment, Words words, const Setting& setting = {}) {
  words.insert(words.begin(), "predict");
  words.insert(words.end(), {"--device", "cpu", "--threads", "1"});
  Setting here = setting;
  if (here.folder.empty()) here.folder = experiment.path;
  return run(program("atp"), words, here);
}

Words lines(const std::string& text) {
  std::istringstream stream(text);
  Words all;
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

void change(const Experiment& experiment, const std::string& from, const std::string& to) {
  std::string text = read(experiment / "recipe.yaml");
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  experiment.write("recipe.yaml", text.replace(at, from.size(), to));
}

struct Matrix {
  std::string name;
  int rows, columns;
};

// A file of safetensors with matrices in float32.
std::string safetensors(const std::vector<Matrix>& matrices) {
  std::string header, numbers;
  for (const auto& [name, rows, columns] : matrices) {
    const std::size_t begin = numbers.size();
    for (int i = 0; i < rows * columns; ++i) {
      const float value = static_cast<float>(i % 7 - 3) / 10.0F;
      numbers.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    header += (header.empty() ? "{\"" : ",\"") + name + R"(":{"dtype":"F32","shape":[)" + std::to_string(rows) + "," +
              std::to_string(columns) + R"(],"data_offsets":[)" + std::to_string(begin) + "," +
              std::to_string(numbers.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(file.data(), &size, sizeof size);
  return file + header + numbers;
}

// A prompt as PEFT saves one.
std::string peft_prompt(int length, int width) { return safetensors({{"prompt_embeddings", length, width}}); }

}  // namespace

TEST_CASE("a result predicts what its evaluation predicted, in whatever form the rows come") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run().status == 0);
  Words expected, sources;
  for (const auto& line : lines(read(experiment / "out/recipe/scores/predictions.jsonl"))) {
    const auto row = atp::parse_json(line, "line");
    expected.push_back(row.at("prediction").text());
    sources.push_back(row.at("source").text());
  }
  REQUIRE(expected.size() == 5);

  const Ended split = predict(experiment, {"out/recipe/target"});
  INFO(split.error);
  REQUIRE(split.status == 0);
  CHECK(lines(split.out) == expected);

  std::string bare, plain;  // the same rows without their answers, and as text
  for (const auto& source : sources) {
    bare += "{\"text\": " + atp::to_json(atp::Value(source)) + "}\n";
    plain += source + "\n";
  }
  experiment.write("bare.jsonl", bare);
  experiment.write("plain.txt", plain);
  const std::string folder = fs::canonical(experiment / "out/recipe/target");
  for (const char* file : {"bare.jsonl", "plain.txt", "out/recipe/scores/predictions.jsonl"}) {
    CAPTURE(file);
    const Ended ended = predict(experiment, {folder, "--input", file, "--quiet"});
    INFO(ended.error);
    CHECK(ended.status == 0);
    CHECK(lines(ended.out) == expected);
  }

  const Ended json = predict(experiment, {"out/recipe/target/", "--input", "plain.txt", "--json", "--out", "p.jsonl"});
  CHECK(json.status == 0);
  CHECK(json.out.empty());
  const auto rows = lines(read(experiment / "p.jsonl"));
  REQUIRE(rows.size() == 5);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = atp::parse_json(rows[i], "row");
    CHECK(row.at("index").integer() == static_cast<std::int64_t>(i));
    CHECK(row.at("source").text() == sources[i]);
    CHECK(row.at("prediction").text() == expected[i]);
  }
}

TEST_CASE("a split without labels is predicted; one that is longer than the model reads is said to be cut") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
  experiment.write("taste/test.jsonl", "{\"text\": \"a b c d e f g h i j k l m n o p q r s t u v w x y z\"}\n");
  const Ended ended = predict(experiment, {"out/recipe/source", "--split", "test"});
  INFO(ended.error);
  CHECK(ended.status == 0);
  CHECK(lines(ended.out).size() == 1);
  CHECK(contains(ended.error, "sources longer than 16 tokens are cut: 1 of 1\n"));
}

TEST_CASE("sources that are cut are counted in every result and said in every log, and shown once") {
  const Experiment experiment;
  change(experiment, "source_length: 16", "source_length: 4");
  const Ended ended = experiment.atp_run();
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  const auto cut = [&](const std::string& step, const std::string& split, const std::string& task, int count) {
    const auto result = atp::parse_json(read(experiment / ("out/recipe/" + step + "/result.json")), step);
    CHECK(result.at("splits").at(split).at(task).at("truncated_sources").integer() == count);
    const std::string all = std::to_string(count);
    const std::string said = "task '" + task + "': sources longer than 4 tokens are cut: ";
    const std::string log = read(experiment / ("out/recipe/" + step + "/log.txt"));
    CHECK(contains(log, said));
    CHECK(contains(log, all + " of " + all + " in " + split));
    const auto shown = ended.error.find(said);
    REQUIRE(shown != std::string::npos);
    CHECK(contains(ended.error.substr(shown), all + " of " + all + " in " + split));
  };
  cut("source", "train", "taste", 8);
  cut("source", "validation", "taste", 4);
  cut("target", "train", "mood", 8);
  cut("scores", "test", "mood", 5);
}

TEST_CASE("what cannot be predicted with is said, with what to do") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run().status == 0);
  const auto refused = [&](const Words& words) {
    const Ended ended = predict(experiment, words);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    return ended.error;
  };
  CHECK(contains(refused({}), "which result?"));
  CHECK(contains(refused({"out/recipe/targt"}), "out/recipe/targt: no such result; did you mean 'target'?"));
  CHECK(contains(refused({"out/recipe"}), "out/recipe: no step's folder; expected the folder of a finished training"));
  const std::string scored = refused({"out/recipe/scores"});
  CHECK(contains(scored, "this step scored a result; predictions are made by what it scored: "));
  CHECK(contains(scored, fs::canonical(experiment / "out/recipe/target").string()));
  CHECK(contains(refused({"out/recipe/target", "--input", "none.txt"}), "none.txt: cannot be read: No such file"));
  CHECK(contains(refused({"out/recipe/target", "--input", "a.txt", "--split", "test"}), "say one of them"));
  CHECK(contains(refused({"out/recipe/target", "--split", "tset"}), "tset"));
  CHECK(contains(refused({"out/recipe/target", "--task", "taste"}),
                 "'target' was not trained on 'taste' (it was on: mood)"));
  CHECK(contains(refused({"out/recipe/target", "--out", "no/where.txt"}), "--out no/where.txt: there is no folder"));
  CHECK(contains(refused({"out/recipe/target", "--data", "/nope"}), "--data /nope: no such folder"));
  experiment.write("empty.txt", "");
  CHECK(contains(refused({"out/recipe/target", "--input", "empty.txt"}), "empty.txt: no sources"));
  fs::remove(experiment / "out/recipe/target/checkpoint/tensors.safetensors");
  CHECK(contains(refused({"out/recipe/target"}), "its tensors are not there"));
}

TEST_CASE("a tokenizer or a config that is another one now, or gone, is no silent mistake") {
  const Experiment experiment;
  const std::string own = tests::in_source_tree("/core/share/tokenizer/spiece.model");
  fs::create_directory(experiment / "model");
  fs::copy_file(own, experiment / "model/spiece.model");
  change(experiment, "{random: tiny, seed: 0}", "{random: tiny, seed: 0, tokenizer: model/spiece.model}");
  REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
  REQUIRE(predict(experiment, {"out/recipe/source"}).status == 0);
  experiment.write("model/spiece.model", read(own) + std::string(1, '\0'));
  const Ended changed = predict(experiment, {"out/recipe/source"});
  CHECK(changed.status == 2);
  CHECK(contains(changed.error, "model/spiece.model is not the one that this result was trained with"));
  fs::remove(experiment / "model/spiece.model");
  const Ended gone = predict(experiment, {"out/recipe/source"});
  CHECK(gone.status == 2);
  CHECK(contains(gone.error, "the tokenizer that this result was trained with is not there"));
}

TEST_CASE("prompts of other programs are source prompts, from training to predictions") {
  const Experiment experiment;
  experiment.write("one.safetensors", peft_prompt(4, 64));
  experiment.write("two.safetensors", peft_prompt(4, 64));
  change(experiment, "source_prompts: source\n",
         "source_prompts: [{file: one.safetensors}, source, {file: two.safetensors}]\n");
  const Ended ended = experiment.atp_run();
  INFO(ended.error);
  REQUIRE(ended.status == 0);
  Words expected;
  for (const auto& line : lines(read(experiment / "out/recipe/scores/predictions.jsonl")))
    expected.push_back(atp::parse_json(line, "line").at("prediction").text());
  fs::remove(experiment / "one.safetensors");  // the result holds its values
  const Ended predicted = predict(experiment, {"out/recipe/target"});
  INFO(predicted.error);
  CHECK(predicted.status == 0);
  CHECK(lines(predicted.out) == expected);
  // Another content is another step; one that is gone is said before anything is trained.
  const Ended gone = experiment.atp_run({"--dry-run"});
  CHECK(gone.status == 2);
  CHECK(contains(gone.error, "'source_prompts': no file"));
  experiment.write("one.safetensors", peft_prompt(4, 32));
  const Ended narrow = experiment.atp_run({"--dry-run"});
  CHECK(narrow.status == 2);
  CHECK(contains(narrow.error, "one.safetensors"));
}

TEST_CASE("an adapter of DePT is no prompt that stands alone") {
  const Experiment experiment;
  const auto refused = [&](const std::string& file) {
    change(experiment, "source_prompts: source\n", "source_prompts: [{file: \"" + file + "\"}]\n");
    const Ended ended = experiment.atp_run({"--dry-run"});
    CHECK(ended.status == 2);
    INFO(ended.error);
    CHECK(contains(ended.error, "nothing can be taken from " + file + ": it is an adapter of DePT"));
    CHECK(contains(ended.error, "it holds prompt_embeddings, prompt_encoder.lora_embedding_A"));
    change(experiment, "source_prompts: [{file: \"" + file + "\"}]\n", "source_prompts: source\n");
  };
  refused(experiment.write("dept.safetensors", safetensors({{"prompt_embeddings", 4, 64},
                                                            {"prompt_encoder.lora_embedding_A", 16, 2},
                                                            {"prompt_encoder.lora_embedding_B", 2, 64}})));
  const char* shared = std::getenv("ATP_SHARED");
  const std::string real = std::string(shared ? shared : tests::in_source_tree("/../shared")) +
                           "/fixtures/dept_adapters/sst2/adapter_model.bin";
  if (fs::exists(real))
    refused(fs::canonical(real).string());
  else
    MESSAGE("skipped: no " << real << " (ATP_SHARED says where shared/ is)");
}

TEST_CASE("predictions that cannot be written are a message with the file's own name") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
  const std::string folder = experiment / "locked";
  fs::create_directory(folder);
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  Setting setting;
  setting.obeys_modes = true;
  const Ended ended = predict(experiment, {"out/recipe/source", "--out", "locked/answers.txt"}, setting);
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, "locked/answers.txt: cannot be written: Permission denied\n"));
  fs::permissions(folder, fs::perms::owner_all);
}
