#include <doctest/doctest.h>
#include <sys/stat.h>

#include "programs.h"
#include "tests/places.h"

using namespace runs;

namespace fs = std::filesystem;

namespace {

void change(const Experiment& experiment, const std::string& from, const std::string& to) {
  std::string text = read(experiment / "recipe.yaml");
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  experiment.write("recipe.yaml", text.replace(at, from.size(), to));
}

const std::string mood =
    "{name: mood, files: {train: mood/train.jsonl, validation: mood/validation.jsonl, test: mood/test.jsonl}, "
    "source: \"{text}\", target: \"{kind}\", labels: [good, bad], metrics: [accuracy]}";

}  // namespace

TEST_CASE("help and version answer without libtorch, whatever the surroundings") {
  for (const char* name : {"atp-run", "atp"}) {
    const Setting bare{
        {{"HOME", ""}, {"LANG", "xx_XX.nowhere"}, {"LC_ALL", "xx_XX.nowhere"}, {"ATP_LIBTORCH", "/none"}}};
    const Ended help = run(program(name), {"--help"}, bare);
    CHECK(help.status == 0);
    CHECK(contains(help.out, "Examples"));
    CHECK(help.error.empty());
    CHECK(run(program(name), {"--version"}, bare).out == "atp 0.1.0\n");
  }
}

TEST_CASE("a wrong command is refused with the nearest right one, and status 2") {
  const auto refused = [](const std::string& name, const Words& words) {
    const Ended ended = run(program(name), words);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    return ended.error;
  };
  CHECK(contains(refused("atp-run", {"--dryrun", "x.yaml"}), "no option '--dryrun'; did you mean '--dry-run'?"));
  CHECK(contains(refused("atp-run", {}), "which recipe?"));
  CHECK(contains(refused("atp-run", {"a.yaml", "b.yaml"}), "more arguments than are expected"));
  CHECK(contains(refused("atp-run", {"a.yaml", "--threads", "many"}), "threads"));
  for (const char* device : {"", "gpu", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1000", "xcuda:1", "cpu:0"})
    CHECK(contains(refused("atp-run", {"/nowhere.yaml", "--device", device}),
                   "--device: found '" + std::string(device) + "', expected auto, cpu, cuda or cuda:N"));
  for (const char* device : {"auto", "cpu", "cuda", "cuda:0", "cuda:999"})
    CHECK(contains(refused("atp-run", {"/nowhere.yaml", "--device", device}), "/nowhere.yaml: "));
  CHECK(contains(refused("atp-run", {"/nowhere.yaml"}), "/nowhere.yaml"));
  CHECK(contains(refused("atp", {"shwo", "toy"}), "no command 'shwo'; did you mean 'show'?"));
  CHECK(contains(refused("atp", {"show", "tyo"}), "did you mean 'toy'?"));
  CHECK(contains(refused("atp", {"show", "toy", "--indx", "1"}), "did you mean '--index'?"));
  CHECK(contains(refused("atp", {"runs", "--out", "/nowhere"}), "/nowhere: no such folder"));
}

TEST_CASE("an argument may be named, and the others then keep their order") {
  const Experiment experiment;
  experiment.write("p.jsonl", "{\"prediction\": \"1\", \"references\": [\"1\"]}\n");
  const std::string file = experiment / "p.jsonl";
  const std::string scores = run(program("atp"), {"score", "toy", file}).out;
  CHECK(contains(scores, "100.00"));
  CHECK(run(program("atp"), {"score", "--task", "toy", file}).out == scores);
  CHECK(run(program("atp"), {"score", file, "--task", "toy"}).out == scores);
  const auto refused = [](const Words& words) { return run(program("atp"), words).error; };
  CHECK(contains(refused({"score", "--task", "toy", file, "more"}), "more arguments than are expected: 'more'"));
  CHECK(contains(refused({"score", "--task", "toy", "--task", "toy", file}), "'--task' is given twice (see --help)"));
}

TEST_CASE("everything that is missing is said at once, before anything is started") {
  const Experiment experiment;
  change(experiment, "{random: tiny, seed: 0}", "t5-huge");
  fs::create_directory(experiment / "models");
  fs::remove(experiment / "taste/train.jsonl");
  fs::remove(experiment / "mood/test.jsonl");
  experiment.write("file", "");
  fs::create_directory(experiment / "models");
  const Ended ended = experiment.atp_run({"--models", experiment / "models"}, "file/below");
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, "checkpoint 't5-huge': no such folder"));
  CHECK(contains(ended.error, "models/t5-huge"));
  CHECK(contains(ended.error, "file is a file, not a folder; name another folder with --out DIR"));
}

TEST_CASE("a checkpoint that cannot be used is refused before anything is trained") {
  const Experiment experiment;
  change(experiment, "{random: tiny, seed: 0}", experiment / "t5");
  const std::string goldens = tests::in_source_tree("/tests/goldens/");
  const auto refused = [&] {
    const Ended ended = experiment.atp_run();
    CHECK(ended.status == 2);
    CHECK_FALSE(contains(ended.error, "[1/"));  // no step has begun
    return ended.error;
  };
  experiment.write("t5/config.json", read(goldens + "t5/first/config.json"));
  experiment.write("t5/tokenizer.json", "{}");
  CHECK(contains(refused(), "the folder holds tokenizer.json but no spiece.model, which is the form that atp reads"));
  experiment.write("t5/spiece.model", read(tests::in_source_tree("/core/share/tokenizer/spiece.model")));
  experiment.write("t5/pytorch_model.bin", read(goldens + "torch_save/calls-system.pt"));
  const std::string error = refused();
  INFO(error);
  CHECK(contains(error, "t5/pytorch_model.bin: its pickle asks for 'posix.system'; expected tensors"));
  CHECK_FALSE(contains(error, "os.system was called"));
  const std::string whole = read(goldens + "torch_save/mixed-2.pt");
  experiment.write("t5/pytorch_model.bin", whole.substr(0, whole.size() / 2));
  CHECK(
      contains(refused(), "t5/pytorch_model.bin: begins as a zip archive (as torch.save writes it) and does not end"));
  fs::rename(experiment / "t5/pytorch_model.bin", experiment / "t5/shard-1.bin");
  experiment.write("t5/pytorch_model.bin.index.json", R"({"weight_map": {"a": "shard-1.bin", "b": "shard-2.bin"}})");
  CHECK(contains(refused(), "of the 2 shards that it names, these are not beside it: shard-2.bin"));
}

TEST_CASE("all missing data files are named") {
  const Experiment experiment;
  fs::remove(experiment / "taste/train.jsonl");
  fs::remove(experiment / "mood/test.jsonl");
  const Ended ended = experiment.atp_run();
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, "taste/train.jsonl"));
  CHECK(contains(ended.error, "mood/test.jsonl"));
  CHECK_FALSE(contains(ended.error, "begins"));
}

TEST_CASE("a task's missing files are one message, whatever number of splits and steps want them") {
  const Experiment experiment;
  fs::remove_all(experiment / "mood");
  const Ended ended = experiment.atp_run();
  CHECK(ended.status == 2);
  INFO(ended.error);
  for (const char* split : {"train", "validation", "test"})
    CHECK(contains(ended.error, std::string("mood/") + split + ".jsonl"));
  const auto first = ended.error.find("task 'mood': no data for its splits");
  REQUIRE(first != std::string::npos);
  CHECK(ended.error.find("no data for", ended.error.find("no data for") + 1) == std::string::npos);
}

TEST_CASE("a data root or a folder of models that is not there is said, not the files that are not in it") {
  const Experiment experiment;
  for (const char* option : {"--data", "--models"}) {
    const Ended ended = experiment.atp_run({"--dry-run", option, "/nope"});
    CHECK(ended.status == 2);
    CHECK(ended.error == std::string(option) + " /nope: no such folder\n");
  }
  CHECK(run(program("atp"), {"tasks", "--data", "/nope"}).error == "--data /nope: no such folder\n");
  const std::string file = experiment / "recipe.yaml";
  CHECK(run(program("atp"), {"show", "toy", "--data", file}).error == "--data " + file + ": no folder, but a file\n");
  CHECK(run(program("atp"), {"tasks"}, {{{"ATP_DATA", "/nope"}}}).error == "$ATP_DATA /nope: no such folder\n");
}

TEST_CASE("rows that cannot be used are found before anything is trained") {
  const Experiment experiment;
  experiment.write("mood/train.jsonl", "{\"text\": \"x\", \"kind\": \"good\"}\n{\"text\": \"x\", \"kind\": \"odd\"}\n");
  const Ended ended = experiment.atp_run();
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, "mood/train.jsonl:2"));
  CHECK_FALSE(contains(ended.error, "begins"));
  experiment.write("mood/train.jsonl", "");
  const Ended empty = experiment.atp_run();
  CHECK(empty.status == 2);
  CHECK(contains(empty.error, "mood/train.jsonl"));
}

TEST_CASE("results of another shape than the model's are refused before their step is trained, and after it") {
  const Experiment experiment;
  change(experiment, "      combiner: attempt\n", "      combiner: attempt\n      prompt_length: 6\n");
  for (const bool is_trained : {false, true}) {
    CAPTURE(is_trained);
    if (is_trained) REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
    const Ended ended = experiment.atp_run({"--dry-run"});
    CHECK(ended.status == 2);
    CHECK(contains(ended.error,
                   "recipe.yaml:18:23: source prompt 'source' is 4 tokens long, and this step's prompt_length is 6; "
                   "give both steps the same prompt_length"));
  }
  change(experiment, "method: attempt\n      combiner: attempt", "method: prompt_tuning");
  change(experiment, "source_prompts", "start_from");
  const Ended ended = experiment.atp_run({"--dry-run"});
  CHECK(ended.status == 2);
  CHECK(contains(ended.error,
                 "recipe.yaml:17:19: 'start_from': the prompt of 'source' is 4 tokens long, and this step's is 6"));
}

TEST_CASE("a step that would train nothing is refused; keys for what it does not train are noted") {
  const Experiment experiment;
  change(experiment, "combiner: attempt\n", "combiner: no_attention\n      attention_from: source\n");
  const Ended noted = experiment.atp_run({"--dry-run"});
  INFO(noted.error);
  CHECK(noted.status == 0);
  CHECK(
      contains(noted.out,
               "recipe.yaml:17:23: 'attention_from' gives first values for 'attention', which 'target' does not train "
               "(it trains: prompt)"));
  change(experiment, "attention_from: source\n", "target_prompt: none\n");
  const Ended refused = experiment.atp_run({"--dry-run"});
  CHECK(refused.status == 2);
  CHECK(contains(refused.error, "recipe.yaml:13:3: 'target' has nothing to train: method 'attempt'"));
  CHECK(contains(refused.error, "target_prompt: none"));
}

TEST_CASE("two first values for one prompt are refused, one that has no prompt to start is noted") {
  const Experiment experiment;
  change(experiment, "combiner: attempt\n",
         "combiner: attempt\n      start_from: source\n      target_prompt: zeros\n");
  const Ended refused = experiment.atp_run({"--dry-run"});
  CHECK(refused.status == 2);
  CHECK(contains(refused.error, "recipe.yaml:17:19: 'start_from' and 'target_prompt: zeros' both say"));
  change(experiment, "target_prompt: zeros", "target_prompt: none");
  const Ended noted = experiment.atp_run({"--dry-run"});
  CHECK(noted.status == 0);
  CHECK(
      contains(noted.out, "recipe.yaml:17:19: 'start_from' gives a first value for 'prompt', which 'target' does not"));
}

TEST_CASE("a task that a result has no prompt for is refused; a prompt that all tasks share scores any") {
  const Experiment experiment;
  const std::string files =
      "files: {train: taste/train.jsonl, validation: taste/validation.jsonl, test: taste/test.jsonl}";
  const std::string rest =
      ", " + files + ", source: \"{text}\", target: \"{kind}\", labels: [good, bad], metrics: [accuracy]}";
  change(experiment, "metrics: [accuracy]}]\n  scores:", "metrics: [accuracy]}, {name: second" + rest + "]\n  scores:");
  change(experiment, "split: test}", "tasks: [{name: third" + rest + "]}");
  for (const bool is_trained : {false, true}) {
    CAPTURE(is_trained);
    if (is_trained) REQUIRE(experiment.atp_run({"--only", "target"}).status == 0);
    const Ended ended = experiment.atp_run({"--dry-run"});
    CHECK(ended.status == 2);
    CHECK(contains(ended.error, "'target' has parameters for each of its tasks (mood, second), and none for 'third'"));
  }
  change(experiment, "method: attempt\n      combiner: attempt\n      source_prompts: source", "method: prompt_tuning");
  change(experiment, ", attention: 0.1}", "}");
  const Ended shared = experiment.atp_run({"--dry-run"});
  INFO(shared.error);
  CHECK(shared.status == 0);
}

TEST_CASE("a learning rate for a group that nothing has is refused; one that another trial trains is noted") {
  const Experiment experiment;
  change(experiment, "attention: 0.1}", "atention: 0.1}");
  const Ended refused = experiment.atp_run({"--dry-run"});
  CHECK(refused.status == 2);
  CHECK(
      contains(refused.error,
               "recipe.yaml:18:37: 'learning_rates': no group 'atention'; did you mean 'attention'? ('target' trains: "
               "prompt, attention)"));
  change(experiment, "atention: 0.1}", "attention: 0.1, source_prompts: 0.1}");
  change(
      experiment, "  scores:\n",
      "  other:\n    train: {task: " + mood + ", method: prompt_tuning, learning_rates: {attention: 1}}\n  scores:\n");
  const Ended all = experiment.atp_run({"--dry-run"});
  CHECK(all.status == 2);
  CHECK(
      contains(all.error, "recipe.yaml:18:53: 'learning_rates': no group 'source_prompts' ('target' trains: prompt, "));
  CHECK(contains(all.error, ": 'learning_rates': no group 'attention' ('other' trains: prompt)"));
  change(experiment, "{attention: 1}", "{}");
  for (const std::string sweep : {"sweep.steps.target.train.train_source_prompts=[true, false]",
                                  "sweep.steps.target.train.combiner=[attempt, no_attention]"}) {
    CAPTURE(sweep);
    Words words{"--dry-run", "--set", sweep};
    if (contains(sweep, "combiner")) change(experiment, ", source_prompts: 0.1}", "}");
    const Ended noted = experiment.atp_run(words);
    INFO(noted.error);
    CHECK(noted.status == 0);
    CHECK(contains(noted.out, contains(sweep, "combiner") ? "a learning rate is given for 'attention', which 'target'"
                                                          : "a learning rate is given for 'source_prompts', which"));
  }
  const Ended single = experiment.atp_run({"--dry-run", "--set", "steps.target.train.combiner=no_attention"});
  CHECK(single.status == 0);
  CHECK(contains(single.out, "recipe.yaml:18:48: a learning rate is given for 'attention', which 'target' does not"));
}

TEST_CASE("too few examples for few_shot are told where it is said, and not at another step of the same task") {
  const Experiment experiment;
  const Ended ended = run_toy(experiment, R"(
  all: {train: {each: [toy], method: prompt_tuning, updates: 1}}
  few: {train: {each: [toy], method: prompt_tuning, updates: 1, few_shot: {k: 5000}}}
)");
  CHECK(ended.status == 2);
  CHECK_MESSAGE(contains(ended.error, "toy.yaml:7:75: task 'toy': few_shot asks for 5000 examples"), ended.error);
}

TEST_CASE("what fits into no weight is not merged: the plan says so, whether it is trained or not") {
  const Experiment experiment;
  change(experiment, "split: test}",
         "split: test, merge: true}\n  untouched:\n    evaluate: {of: backbone, merge: true, tasks: [" + mood + "]}");
  for (const bool is_trained : {false, true}) {
    CAPTURE(is_trained);
    if (is_trained) REQUIRE(experiment.atp_run({"--only", "target"}).status == 0);
    const Ended ended = experiment.atp_run({"--dry-run"});
    CHECK(ended.status == 2);
    CHECK(contains(ended.error, "recipe.yaml:22:48: 'merge': what method 'attempt' adds fits into no weight; leave"));
    CHECK(contains(ended.error, "recipe.yaml:24:37: 'merge': the untouched backbone has nothing to merge; leave"));
  }
}

TEST_CASE("free text whose length nobody says is found by the plan") {
  const Experiment experiment;
  change(experiment, "target: \"{kind}\", labels: [good, bad], metrics: [accuracy]}]\n  scores:",
         "target: \"{kind}\", metrics: [exact_match]}]\n  scores:");
  for (const Words& arguments : {Words{"--dry-run"}, Words{}}) {
    const Ended ended = experiment.atp_run(arguments);
    CHECK(ended.status == 2);
    INFO(ended.error);
    CHECK(contains(ended.error, "task 'mood' writes free text, so the recipe must say how long an answer may be"));
    CHECK_FALSE(contains(ended.error, "begins"));
  }
  CHECK(experiment.atp_run({"--dry-run", "--set", "data.target_length=4"}).status == 0);
}

TEST_CASE("a step that fails stops only what reads it, says so at the end, and is tried again") {
  const Experiment experiment;
  change(experiment, "learning_rates: {prompt: 0.2, attention: 0.1}",
         "learning_rates: {prompt: 1e30, attention: 1e30}\n"
         "      clip: 0\n      warmup_updates: 0");
  const Ended ended = experiment.atp_run();
  INFO(ended.error);
  CHECK(ended.status == 1);
  const auto said = ended.error.find("error: 'target' failed: ");
  REQUIRE(said != std::string::npos);
  const std::string why = ended.error.substr(said + 24, ended.error.find('\n', said) - said - 24);
  REQUIRE(why.size() > 20);
  CHECK(ended.error.find(why, said + 25) == std::string::npos);  // once, when it happened
  CHECK(contains(ended.error, "error: failed: 'target', see " + experiment / "out/steps/"));
  CHECK(contains(ended.error, "not run: 'scores' reads a step that failed"));
  CHECK(contains(ended.out, "| scores | – |"));
  const auto states = experiment.states();
  CHECK(states.at("source") == "done");
  CHECK(states.at("target") == "failed");
  CHECK(states.at("scores") == "to do");
  const Ended again = experiment.atp_run();
  CHECK(again.status == 1);
  CHECK_FALSE(contains(again.error, "source: begins"));
}

TEST_CASE("a method that throws while it trains: its step, its name, and then the words of what was thrown") {
  const Experiment experiment;
  const std::string product = "libtorch: mat1 and mat2 shapes cannot be multiplied";
  for (const auto& [where, said] :
       {std::pair("embed", product),
        {"site", product},
        {"loss", std::string("a fault of the plugin or of atp, please report it: no such task")}}) {
    const std::string place = where, words = said;  // clang++ 14 captures no structured binding
    CAPTURE(place);
    const Ended ended = run_toy(experiment, R"(
  learned:
    train: {each: [toy], method: faulty, place: )" +
                                                std::string(place) + R"(, updates: 2}
plugins: [)" + tests::in_build_tree("/tests/plugins/faulty_method") +
                                                "]\n");
    CHECK(ended.status == 1);
    CHECK_MESSAGE(contains(ended.error, "error: 'learned.toy' failed: method 'faulty' on backbone 't5': " + words),
                  ended.error);
    CHECK_FALSE(contains(ended.error, "Exception raised from"));  // libtorch's stack
  }
}

TEST_CASE("a full disk is a message with the path, and what was finished stays intact") {
  const Experiment experiment;
  REQUIRE(experiment.atp_run({"--only", "source"}).status == 0);
  const auto before = experiment.exact_files();
  Setting setting;
  setting.largest_file = 20000;  // the tensors of `target` are larger
  const Ended ended = experiment.atp_run({}, "out", setting);
  INFO(ended.error);
  CHECK(ended.status == 1);
  CHECK(contains(ended.error, "File too large"));
  CHECK(contains(ended.error, experiment / "out/steps/"));
  auto after = experiment.exact_files();
  for (const auto& [name, contents] : before) CHECK(after[name] == contents);
  const Ended again = experiment.atp_run();
  CHECK(again.status == 0);
}

TEST_CASE("an output folder that is only to be read") {
  const Experiment experiment;
  Setting setting;
  setting.obeys_modes = true;
  REQUIRE(experiment.atp_run({}, "locked").status == 0);
  ::chmod((experiment / "locked").c_str(), 0555);
  const std::string locked = experiment / "locked", below = locked + "/out";
  for (const Words& words : {Words{}, Words{"--dry-run"}}) {  // nothing can be made there, and the plan knows
    const Ended ended = experiment.atp_run(words, "locked/out", setting);
    CHECK(ended.status == 2);
    CHECK(contains(ended.error, below + ": no results can be written there: " + locked + ": Permission denied"));
  }
  const Ended ended = experiment.atp_run({}, "locked", setting);
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, locked + ": no results can be written there: Permission denied; name another folder"));
  CHECK(experiment.atp_run({"--dry-run"}, "locked", setting).status == 0);  // what is finished can be looked at
  const Ended listed = run(program("atp"), {"runs", "--out", locked}, setting);
  CHECK(listed.status == 0);
  CHECK(contains(listed.out, "scores"));
  ::chmod(locked.c_str(), 0755);
}

TEST_CASE("a plan, too, refuses an output folder that cannot be, and more threads than none are wanted") {
  const Experiment experiment;
  experiment.write("file", "");
  const Ended below = experiment.atp_run({"--dry-run"}, "file/below");
  CHECK(below.status == 2);
  CHECK(contains(below.error, "file is a file, not a folder; name another folder with --out DIR"));
  const Ended nowhere = run(program("atp-run"), {experiment / "recipe.yaml", "--dry-run", "--out", "/proc/out"});
  CHECK(nowhere.status == 2);
  CHECK(contains(nowhere.error, "/proc/out: no results can be written there"));
  const Ended none = experiment.atp_run({"--dry-run", "--threads", "0"});
  CHECK(none.status == 2);
  CHECK(contains(none.error, "--threads: found 0, expected 1 or more"));
}

TEST_CASE("a checkpoint that cannot be is refused by the plan with one message") {
  const Experiment experiment;
  const std::string folder = experiment.write_checkpoint("model");
  change(experiment, "{random: tiny, seed: 0}", "model");
  const Ended whole = experiment.atp_run({"--dry-run"});
  INFO(whole.error);
  REQUIRE(whole.status == 0);

  const std::string weights = read(folder + "/model.safetensors"), config = read(folder + "/config.json");
  const auto refusal = [&] {
    const Ended ended = experiment.atp_run();
    CHECK(ended.status == 2);
    CHECK_FALSE(contains(ended.error, "begins"));
    std::size_t said = 0;
    for (std::size_t at = 0; (at = ended.error.find(folder, at)) != std::string::npos; ++at) ++said;
    CHECK_MESSAGE(said == 1, ended.error);
    CHECK_MESSAGE(contains(ended.error, "\n  (wanted by " + experiment / "recipe.yaml:"), ended.error);
    return ended.error;
  };
  experiment.write("model/model.safetensors", weights.substr(0, weights.size() - 100));
  CHECK(contains(refusal(), "model.safetensors"));
  experiment.write("model/model.safetensors", weights.substr(0, 100));
  CHECK(contains(refusal(), "model.safetensors"));
  experiment.write("model/model.safetensors", weights);
  std::string wrong = config;
  experiment.write("model/config.json", wrong.replace(wrong.find("\"eos_token_id\": 1"), 17, "\"eos_token_id\": 9000"));
  CHECK(contains(refusal(), "eos_token_id"));
}

TEST_CASE("a run shorter than its warm-up is noted by the plan, and once by the run") {
  const Experiment experiment;
  change(experiment, "warmup_updates: 2", "warmup_updates: 500");
  const std::string note =
      "recipe.yaml:5:60: the 6 updates of 'source' end within its warm-up of 500: the learning rate is";
  CHECK(contains(experiment.atp_run({"--dry-run"}).out, note));
  const Ended ended = experiment.atp_run({"--only", "source"});
  CHECK(ended.status == 0);
  const auto at = ended.error.find(note);
  CHECK(at != std::string::npos);
  CHECK(ended.error.find("within", at + note.size()) == std::string::npos);
}

TEST_CASE("a plan's time comes from finished steps with the same backbone, or there is none") {
  const Experiment experiment;
  CHECK(contains(experiment.atp_run({"--dry-run"}).out, "time: no estimate; "));
  REQUIRE(experiment.atp_run().status == 0);
  const Words other{"--dry-run", "--set", "seed=2"};
  CHECK(contains(experiment.atp_run(other).out, "with the same backbone on this device"));
  Words large = other;
  large.insert(large.end(), {"--set", "backbone.checkpoint.random=small"});
  CHECK(contains(experiment.atp_run(large).out, "time: no estimate; "));
}

TEST_CASE("relative paths, and a current folder with a space and letters beyond ASCII") {
  const Experiment experiment;
  fs::create_directory(experiment / "ein Ørt");
  Setting setting;
  setting.folder = experiment / "ein Ørt";
  setting.environment = {{"LC_ALL", "C"}};
  const Ended ended =
      run(program("atp-run"),
          {"../recipe.yaml", "--only", "source", "--out", "ergebnis", "--threads", "1", "--device", "cpu"}, setting);
  INFO(ended.error);
  CHECK(ended.status == 0);
  CHECK(fs::exists(experiment / "ein Ørt/ergebnis/recipe/source/result.json"));
  const Ended listed = run(program("atp"), {"runs", "--out", "ergebnis"}, setting);
  CHECK(contains(listed.out, "source"));
}

TEST_CASE("standard output that is full is not success") {
  const Ended ended = run("/bin/sh", {"-c", program("atp") + " --help > /dev/full"});
  CHECK(ended.status == 1);
  CHECK(contains(ended.error, "standard output cannot be written"));
}

TEST_CASE("a library that a recipe names and that cannot be loaded is reported with its line") {
  const Experiment experiment;
  experiment.write("broken.so", "no library");
  change(experiment, "seed: 1\n", "seed: 1\nplugins: [broken.so]\n");
  const Ended ended = experiment.atp_run({"--dry-run"});
  CHECK(ended.status == 2);
  INFO(ended.error);
  CHECK(contains(ended.error, "recipe.yaml:3"));
  CHECK(contains(ended.error, "broken.so"));
}

TEST_CASE("a folder of $ATP_PLUGIN_PATH that is not there is said where a name is not found") {
  const Experiment experiment;
  const Setting setting{{{"ATP_PLUGIN_PATH", "/nowhere"}}};
  const std::string word = "warning: $ATP_PLUGIN_PATH names /nowhere, and there is no such folder\n";
  CHECK_FALSE(contains(experiment.atp_run({"--dry-run"}, "out", setting).error, word));
  change(experiment, "method: prompt_tuning", "method: prompt_tunning");
  const Ended ended = experiment.atp_run({"--dry-run"}, "out", setting);
  CHECK(ended.status == 2);
  CHECK(contains(ended.error, "no method 'prompt_tunning'; did you mean 'prompt_tuning'?"));
  CHECK(contains(ended.error, word));
}

TEST_CASE("what the system refuses is said with the path, in no library's words") {
  const Experiment experiment;
  const std::string long_name(300, 'a');
  const auto check_refusal = [](const Ended& ended, const std::string& expected) {
    CHECK(ended.status == 2);
    CHECK(ended.error == expected);
  };
  const std::string too_long = ": File name too long\n", recipe = experiment / "recipe.yaml";
  check_refusal(experiment.atp_run({"--dry-run"}, long_name), "atp-run: " + experiment / long_name + too_long);
  check_refusal(experiment.atp_run({"--dry-run", "--set", "backbone.checkpoint=" + long_name}),
                "atp-run: " + fs::current_path().string() + "/" + long_name + too_long);
  check_refusal(run(program("atp"), {"runs", "--out", long_name}), "atp: " + long_name + too_long);
  const std::string gone = " && rmdir \"$PWD\" && ";
  fs::create_directory(experiment / "gone");
  check_refusal(run("/bin/sh", {"-c", "cd " + experiment / "gone" + gone + program("atp-run") + " " + recipe}),
                "atp-run: the current folder: No such file or directory\n");
}
