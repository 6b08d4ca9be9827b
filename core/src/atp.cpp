// atp: what is there beside running a recipe — plugins, tasks, examples, scores, results.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "atp/error.h"
#include "atp/words.h"
#include "command_line.h"
#include "data/cache_folder.h"
#include "data/inspection.h"
#include "data/task_files.h"
#include "pipeline/console.h"
#include "pipeline/conversion_run.h"
#include "pipeline/option_help.h"
#include "pipeline/prediction_run.h"
#include "pipeline/run_index.h"
#include "plugin_host/plugin_host.h"
#include "plugin_host/row_readers.h"
#include "recipe/recipe.h"

namespace {

namespace po = boost::program_options;

using Arguments = std::vector<std::string>;

// The plugins, found when a command needs them.
class Plugins {
 public:
  explicit Plugins(const std::string& libtorch = {}, const std::string& tasks = {})
      : libtorch_(atp::LibTorchSettings::of_this_program(libtorch)),
        host_(atp::SearchPath::of_this_program(), libtorch_),
        tasks_(host_, atp::task_folder(tasks)) {}

  atp::PluginHost& host() { return host_; }
  atp::Catalogue& catalogue() { return tasks_; }

  // A task with its options at their defaults, and its metrics. Throws RecipeError with the nearest name.
  atp::OfferedTask task(const std::string& name) {
    atp::OfferedTask offered = task_alone(name);
    load_metrics(offered.task.metrics);
    return offered;
  }

  atp::OfferedTask task_alone(const std::string& name) {
    const auto* entry = tasks_.find("task", name);
    if (!entry)
      throw atp::RecipeError("no task '" + name + "'" + atp::did_you_mean(name, tasks_.names("task")) +
                             " (atp tasks lists them)");
    atp::Problems problems;
    const atp::Params params = entry->options.check(atp::Value(), {}, problems);
    problems.throw_if_any();
    return {host_.registry().make<atp::TextTask>(name, params), entry->plugin};
  }

  void load_metrics(const std::vector<std::string>& names) {
    for (const auto& name : names)
      if (!host_.find("metric", name))
        throw atp::RecipeError("no metric '" + name + "'" + atp::did_you_mean(name, host_.names("metric")));
  }

  // Every task that can be made; those whose library cannot be loaded are named on standard error.
  std::vector<atp::OfferedTask> all_tasks() {
    std::vector<atp::OfferedTask> tasks;
    for (const auto& name : tasks_.names("task")) try {
        tasks.push_back(task_alone(name));
      } catch (const atp::Error& error) {
        std::cerr << error.what() << "\n";
      }
    return tasks;
  }

 private:
  atp::LibTorch libtorch_;
  atp::PluginHost host_;
  atp::TaskFiles tasks_;
};

// A command's options, and its arguments in their order.
struct Command {
  std::string name, usage, summary;
  std::function<void(po::options_description&)> add_options;
  std::vector<std::string> places;  // names of its arguments
  std::function<int(const po::variables_map&)> run;
};

std::string text_at(const po::variables_map& values, const std::string& name) {
  return values.count(name) ? values[name].as<std::string>() : "";
}

std::string needed(const po::variables_map& values, const std::string& name, const std::string& command) {
  const std::string text = text_at(values, name);
  if (text.empty()) throw atp::RecipeError("atp " + command + ": which " + name + "? (see atp " + command + " --help)");
  return text;
}

atp::TaskSettings settings_of(const po::variables_map& values, Plugins& plugins) {
  atp::TaskSettings settings;
  settings.reader_of = atp::row_readers(plugins.catalogue(), plugins.host().registry());
  settings.root = atp::named_folder(values, "data", "ATP_DATA");
  return settings;
}

po::typed_value<std::string>* word(const char* name) { return po::value<std::string>()->value_name(name); }

void add_data(po::options_description& table) {
  table.add_options()("data", word("DIR"), "data root, below which tasks find their files ($ATP_DATA)");
  table.add_options()("tasks", word("DIR"), "tasks in YAML: DIR/NAME.yaml ($ATP_TASKS)");
}

void add_json(po::options_description& table) { table.add_options()("json", "one JSON document on standard output"); }

void add_source_length(po::options_description& table) {
  table.add_options()("source-length",
                      po::value<std::int64_t>()->value_name("N")->default_value(atp::default_source_length),
                      "tokens of the longest source, </s> included; longer ones are cut");
}

std::int64_t source_length(const po::variables_map& values) {
  const auto length = values["source-length"].as<std::int64_t>();
  if (length < 1) throw atp::RecipeError("--source-length: found " + std::to_string(length) + ", expected at least 1");
  return length;
}

Command plugins_command() {
  return {"plugins",
          "",
          "what is found, from where, with versions; what cannot be loaded, and why",
          [](po::options_description& table) {
            add_json(table);
            table.add_options()("libtorch", word("DIR"), "another copy of libtorch ($ATP_LIBTORCH)");
          },
          {},
          [](const po::variables_map& values) {
            Plugins plugins(text_at(values, "libtorch"));
            atp::print_plugins(plugins.host(), values.count("json") > 0, std::cout);
            return 0;
          }};
}

Command tasks_command() {
  return {"tasks",
          "[TASK]",
          "all tasks: suite, metrics, labels, files wanted, whether they are there; of one also licence and origin",
          [](po::options_description& table) {
            add_data(table);
            add_json(table);
          },
          {"task"},
          [](const po::variables_map& values) {
            Plugins plugins({}, text_at(values, "tasks"));
            const std::string root = atp::named_folder(values, "data", "ATP_DATA");
            const std::string name = text_at(values, "task");
            const bool json = values.count("json") > 0;
            if (name.empty() || json)
              atp::list_tasks(name.empty() ? plugins.all_tasks() : std::vector{plugins.task_alone(name)}, root, json,
                              std::cout);
            else
              atp::describe_task(plugins.task_alone(name), root, std::cout);
            return 0;
          }};
}

Command show_command() {
  return {"show",
          "TASK",
          "an example as the model sees it",
          [](po::options_description& table) {
            add_data(table);
            add_json(table);
            auto add = table.add_options();
            add("split", word("S")->default_value("train"), "train, validation or test");
            add("index", po::value<std::int64_t>()->value_name("I")->default_value(0), "row of the split, from 0");
            add("tokens", "the pieces too");
            add("tokenizer", word("PATH"), "spiece.model; atp's own where not given");
            add_source_length(table);
          },
          {"task"},
          [](const po::variables_map& values) {
            Plugins plugins({}, text_at(values, "tasks"));
            const atp::TaskData data(plugins.task(needed(values, "task", "show")).task, settings_of(values, plugins));
            atp::ShowRequest request;
            request.split = text_at(values, "split");
            request.index = values["index"].as<std::int64_t>();
            request.tokens = values.count("tokens") > 0;
            request.tokenizer = text_at(values, "tokenizer");
            request.json = values.count("json") > 0;
            request.source_length = source_length(values);
            atp::show_example(data, request, std::cout);
            return 0;
          }};
}

Command check_command() {
  return {"check",
          "TASK",
          "a task's contract: every row of every split, labels, lengths, duplicates, metrics; a verdict",
          [](po::options_description& table) {
            add_data(table);
            auto add = table.add_options();
            add("tokenizer", word("PATH"), "spiece.model; atp's own where not given");
            add_source_length(table);
          },
          {"task"},
          [](const po::variables_map& values) {
            Plugins plugins({}, text_at(values, "tasks"));
            atp::TaskSettings settings = settings_of(values, plugins);
            settings.skip_bad_rows = true;  // they are counted
            const atp::TaskData data(plugins.task(needed(values, "task", "check")).task, settings);
            atp::CheckRequest request;
            request.tokenizer = text_at(values, "tokenizer");
            request.source_length = source_length(values);
            return atp::check_task(data, request, plugins.host().registry(), std::cout) ? 0 : 1;
          }};
}

int score(const po::variables_map& values) {
  Plugins plugins({}, text_at(values, "tasks"));
  atp::ScoreRequest request;
  request.split = text_at(values, "split");
  request.json = values.count("json") > 0;
  if (values.count("metric")) request.metrics = values["metric"].as<Arguments>();
  if (values.count("label")) request.labels = values["label"].as<Arguments>();
  plugins.load_metrics(request.metrics);
  const std::string first = needed(values, "task", "score");
  request.predictions = text_at(values, "predictions");
  if (!request.predictions.empty()) {
    const atp::TaskData data(plugins.task(first).task, settings_of(values, plugins));
    atp::score_predictions(&data, request, plugins.host().registry(), std::cout);
    return 0;
  }
  if (request.metrics.empty())
    throw atp::RecipeError(
        "atp score: which predictions? atp score TASK PREDICTIONS, or atp score --metric NAME PREDICTIONS");
  request.predictions = first;
  atp::score_predictions(nullptr, request, plugins.host().registry(), std::cout);
  return 0;
}

Command score_command() {
  return {"score",
          "[TASK] PREDICTIONS",
          "score a file of predictions with the task's metrics, or with those of --metric",
          [](po::options_description& table) {
            add_data(table);
            add_json(table);
            auto add = table.add_options();
            add("split", word("S")->default_value("test"), "of the task, whose targets are compared with");
            add("metric", po::value<Arguments>()->value_name("NAME"), "instead of the task's; may be repeated");
            add("label", po::value<Arguments>()->value_name("TEXT"),
                "a label of the set, without a task; may be repeated");
          },
          {"task", "predictions"},
          score};
}

std::int64_t count_of(const po::variables_map& values, const std::string& option, std::int64_t least = 1) {
  const auto count = values[option].as<std::int64_t>();
  if (count < least)
    throw atp::RecipeError("--" + option + ": found " + std::to_string(count) + ", expected " + std::to_string(least) +
                           " or more");
  return count;
}

int predict(const po::variables_map& values) {
  atp::PredictionRequest request;
  request.result = needed(values, "result", "predict");
  request.input = text_at(values, "input");
  request.split = text_at(values, "split");
  if (!request.input.empty() && (!request.split.empty() || values.count("official")))
    throw atp::RecipeError("--input reads a file, --split and --official a split of the task; say one of them");
  request.official_splits = values.count("official") > 0;
  request.task = text_at(values, "task");
  request.file = text_at(values, "out");
  request.batch_size = count_of(values, "batch-size");
  request.merge = values.count("merge") > 0;
  request.json = values.count("json") > 0;
  request.quiet = values.count("quiet") > 0;
  request.data = atp::named_folder(values, "data", "ATP_DATA");
  request.tasks = text_at(values, "tasks");
  request.models = atp::named_folder(values, "models", "ATP_MODELS");
  request.libtorch = text_at(values, "libtorch");
  request.engine = atp::engine_settings(values);
  return atp::run_predictions(request, std::cout);
}

Command predict_command() {
  return {"predict",
          "RESULT",
          "predictions of a trained result (OUT/<recipe>/<step>) for a file, or for a split without labels",
          [](po::options_description& table) {
            auto add = table.add_options();
            add("input", word("FILE"),
                "sources, one a line as atp show prints them; JSON Lines with \"source\"; or the task's own columns");
            add("split", word("S"), "in place of a file: train, validation or test (the default) of the task");
            add("official", "the split as its file has it, in place of the task's rule");
            add("task", word("NAME"), "of a result that was trained on several");
            add("out", word("FILE"), "where predictions go; standard output where not given");
            add("json", "JSON Lines with index, source and prediction, in place of a prediction a line");
            add("batch-size", po::value<std::int64_t>()->value_name("N")->default_value(32), "generated for at once");
            add("merge", "what the method adds goes into a copy of the weights, where it fits (lora, ia3)");
            add("quiet", "warnings and errors only");
            add_data(table);
            add("models", word("DIR"), "where checkpoints are looked up by name ($ATP_MODELS)");
            atp::add_engine_options(table);
          },
          {"result"},
          predict};
}

int convert(const po::variables_map& values) {
  atp::ConversionRequest request;
  request.from = needed(values, "in", "convert");
  request.to = text_at(values, "out");
  request.from_format = text_at(values, "from");
  request.to_format = text_at(values, "to");
  request.task = text_at(values, "task");
  if (values.count("part")) request.part = count_of(values, "part", 0);
  request.backbone = text_at(values, "backbone");
  request.checkpoint = text_at(values, "checkpoint");
  request.tokenizer = text_at(values, "tokenizer");
  if (values.count("source-length")) request.source_length = source_length(values);
  request.json = values.count("json") > 0;
  request.tasks = text_at(values, "tasks");
  request.models = atp::named_folder(values, "models", "ATP_MODELS");
  request.libtorch = text_at(values, "libtorch");
  if (values.count("lossy")) {
    request.lossy_rows = count_of(values, "lossy");
    request.data = atp::named_folder(values, "data", "ATP_DATA");
  }
  request.engine = atp::engine_settings(values);
  return atp::run_conversion(request, std::cout);
}

Command convert_command() {
  return {
      "convert",
      "IN [OUT]",
      "prompts and adapters between formats: results, PEFT, ATTEMPT, npy; without OUT, what IN is",
      [](po::options_description& table) {
        auto add = table.add_options();
        add("from", word("FORMAT"), "of IN: result, peft, attempt, npy or tfew; what it looks like where not given");
        add("to", word("FORMAT"), "of OUT: result, peft, attempt or npy; by its ending (.npy, .pt) where not given");
        add("task", word("NAME"), "that OUT is of: where IN has a part for each of its tasks, this one's");
        add("part", po::value<std::int64_t>()->value_name("N"),
            "the task's part by its number from 0, where IN does not name its tasks");
        add("checkpoint", word("NAME"), "of a result that is made: its backbone's weights, as recipes say it");
        add("backbone", word("NAME"),
            "of a result that is made: the plugin, where files do not name it and there are several");
        add("tokenizer", word("PATH"), "of a result that is made: spiece.model; the checkpoint's where not given");
        add("source-length", po::value<std::int64_t>()->value_name("N"),
            "of a result that is made: tokens of the longest source");
        add("lossy", po::value<std::int64_t>()->value_name("N")->implicit_value(256, "256"),
            "of a result, --lossy or --lossy=N: one prompt, the mean of those of its first N validation rows");
        add("models", word("DIR"), "where checkpoints are looked up by name ($ATP_MODELS)");
        add_data(table);
        atp::add_engine_options(table);
        add_json(table);
      },
      {"in", "out"},
      convert};
}

Command runs_command() {
  return {"runs",
          "",
          "what has been run, from the index below the output folder",
          [](po::options_description& table) {
            add_json(table);
            table.add_options()("out", word("DIR")->default_value("out"), "where results are");
            table.add_options()("rebuild", "make the index again from the results' folders");
          },
          {},
          [](const po::variables_map& values) {
            atp::RunIndex index(text_at(values, "out"));
            if (values.count("rebuild")) index.rebuild();
            atp::print_runs(index.rows(), values.count("json") > 0, std::cout);
            return 0;
          }};
}

int cache(const po::variables_map& values) {
  const std::string out = text_at(values, "out");
  const std::time_t now = std::time(nullptr);
  const bool json = values.count("json") > 0;
  if (!values.count("remove-unused")) {
    atp::print_cache(atp::cached_files(out), json, now, std::cout);
    return 0;
  }
  const auto days = values["remove-unused"].as<std::int64_t>();
  if (days < 0) throw atp::RecipeError("--remove-unused: found " + std::to_string(days) + ", expected 0 or more");
  const auto removed = atp::remove_unused(out, days, now);
  if (!json) std::cout << "removed\n";
  atp::print_cache(removed, json, now, std::cout);
  return 0;
}

Command cache_command() {
  return {"cache",
          "",
          "the cache of examples and tokens below the output folder; removes what nobody uses any more",
          [](po::options_description& table) {
            add_json(table);
            table.add_options()("out", word("DIR")->default_value("out"), "where results are");
            table.add_options()("remove-unused", po::value<std::int64_t>()->value_name("DAYS"),
                                "remove what no run has used for so many days; 0: all of it");
          },
          {},
          cache};
}

Command schema_command() {
  return {"schema",
          "",
          "JSON Schema of recipes, for completion in editors",
          [](po::options_description&) {},
          {},
          [](const po::variables_map&) {
            Plugins plugins;
            std::cout << atp::to_json(atp::recipe_schema(plugins.catalogue()), 2) << "\n";
            return 0;
          }};
}

const std::vector<Command>& commands();

void print_commands(std::ostream& out) {
  out << "atp COMMAND [options]\n\n";
  for (const auto& command : commands())
    out << "  " << std::left << std::setw(28) << command.name + (command.usage.empty() ? "" : " " + command.usage)
        << command.summary << "\n";
  out << R"(
  atp COMMAND --help            its options
  atp --version

Examples
  atp tasks --data ~/data
  atp show sst2 --data ~/data --index 3 --tokens
  atp score rte predictions.txt --data ~/data --split test --json
  atp convert out/recipe/target.rte rte_prompt --to peft
  atp predict out/recipe/target.rte --input ~/data/RTE/test.tsv --out predictions.txt
  atp help learning_rate
)";
}

Command help_command() {
  return {"help",
          "[WORD]",
          "what a key of a recipe or a plugin's name means",
          [](po::options_description&) {},
          {"word"},
          [](const po::variables_map& values) {
            const std::string word_given = text_at(values, "word");
            if (word_given.empty()) {
              print_commands(std::cout);
              return 0;
            }
            Plugins plugins;
            atp::print_help(word_given, plugins.host(), std::cout);
            return 0;
          }};
}

const std::vector<Command>& commands() {
  static const std::vector<Command> all{plugins_command(), tasks_command(),   show_command(),    check_command(),
                                        score_command(),   predict_command(), convert_command(), runs_command(),
                                        cache_command(),   schema_command(),  help_command()};
  return all;
}

int run_command(const Command& command, const Arguments& arguments) {
  po::options_description table("Options");
  command.add_options(table);
  table.add_options()("help", "print this text");
  const auto values = atp::parse_arguments(arguments, table, command.places);
  if (values.count("help")) {
    std::cout << "atp " << command.name << (command.usage.empty() ? "" : " " + command.usage) << " [options]\n\n"
              << command.summary << "\n\n"
              << table;
    return 0;
  }
  const atp::Console console(atp::Verbosity::normal);  // standard output is the command's answer alone
  return command.run(values);
}

int run(const Arguments& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    print_commands(arguments.empty() ? std::cerr : std::cout);
    return arguments.empty() ? atp::usage_error : 0;
  }
  if (arguments[0] == "--version") {
    std::cout << "atp " ATP_VERSION "\n";
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    names.push_back(command.name);
    if (command.name == arguments[0]) return run_command(command, {arguments.begin() + 1, arguments.end()});
  }
  throw atp::RecipeError("no command '" + arguments[0] + "'" + atp::did_you_mean(arguments[0], names) +
                         " (one of: " + atp::joined(names) + ")");
}

}  // namespace

int main(int count, char** arguments) {
  return atp::run_program("atp", [&] { return run({arguments + 1, arguments + count}); });
}
