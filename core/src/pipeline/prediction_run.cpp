#include "pipeline/prediction_run.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <ostream>

#include "atp/log.h"
#include "atp/words.h"
#include "data/tokenised.h"
#include "data/unlabelled.h"
#include "io/durable_file.h"
#include "pipeline/progress.h"
#include "pipeline/recorded_step.h"
#include "pipeline/stop_signal.h"
#include "pipeline/workshop.h"

namespace atp {

namespace {

// A split as its file has it needs no answers; one that is cut from another's is read as an experiment reads it.
std::vector<std::string> sources_of_split(const TaskUse& use, const std::string& split, bool official) {
  const TaskData& data = *use.data;
  const TextTask& task = data.task();
  if ((official || task.splits == Splits::official) && !task.generate) {
    const DataFiles files = find_files(task, split, data.settings().root);
    if (!files.found()) throw DataError(missing_files(task, {files}, data.settings().root));
    return sources_of_rows(task, files, data.prefix(), data.settings().reader_of);
  }
  std::vector<std::string> sources;
  for (const auto& example : data.split(split)) sources.push_back(example.source);
  return sources;
}

std::vector<std::string> sources_of(const PredictionRequest& request, const TaskUse& use, const Work& work) {
  if (request.input.empty()) {
    return sources_of_split(use, request.split.empty() ? "test" : request.split,
                            request.official_splits || use.data->settings().official_splits);
  }
  auto sources = read_sources(request.input, use.data->task(), use.data->prefix(), use.data->settings().reader_of);
  if (sources.empty()) throw DataError({request.input}, "no sources; expected at least one");
  const auto& prefix = use.data->prefix();
  if (!prefix.empty() && std::none_of(sources.begin(), sources.end(),
                                      [&](const std::string& source) { return source.starts_with(prefix); }))
    log::warn(request.input + ": no source starts with '" + prefix + "', as all did that '" + work.title() +
              "' was trained on; sources are read as they stand");
  return sources;
}

std::string lines_of(const std::vector<std::string>& sources, const std::vector<std::string>& predictions, bool json) {
  std::string text;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (json) {
      Value line = Value::map();
      line.set("index", static_cast<std::int64_t>(i));
      line.set("source", sources[i]);
      line.set("prediction", predictions[i]);
      text += to_json(line) + "\n";
      continue;
    }
    std::string one = predictions[i];
    std::replace_if(
        one.begin(), one.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    text += one + "\n";
  }
  return text;
}

// What the engine generates comes back through `predictions`.
SplitData split_of(const std::vector<std::string>& sources, const RecordedTask& recorded,
                   std::vector<std::string>& predictions) {
  const std::int64_t length = source_length(recorded.work().step);
  const Tokenizer& tokenizer = *recorded.tokenizer();
  SplitData split;
  split.task = recorded.task().name;
  split.rows = tokenise_sources(sources, tokenizer, length);
  split.target_length = target_length(recorded.task().data->task(), tokenizer, recorded.target_length());
  split.decode = [&tokenizer](const std::vector<std::int32_t>& ids) { return tokenizer.decode(ids); };
  split.score = [&predictions](const std::vector<std::string>& texts) { return predictions = texts, Scores{}; };
  if (const auto cut = cut_sources_text(length, {{"", split.rows.get()}}); !cut.empty()) log::warn(cut);
  return split;
}

void require_place(const std::string& file) {
  const boost::filesystem::path folder = boost::filesystem::absolute(file).parent_path();
  if (!boost::filesystem::is_directory(folder))
    throw RecipeError("--out " + file + ": there is no folder " + folder.string());
}

}  // namespace

int run_predictions(const PredictionRequest& request, std::ostream& out) {
  Console console(request.quiet ? Verbosity::quiet : Verbosity::normal);
  if (!request.file.empty()) require_place(request.file);
  Workshop workshop(request.engine, request.libtorch, {}, request.tasks);
  Machinery machinery = workshop.machinery();
  const RecordedTask recorded(request.result, request.task, {"", "", request.data, request.models}, machinery);

  const auto sources = sources_of(request, recorded.task(), recorded.work());
  std::vector<std::string> predictions;
  EvaluateJob job = recorded.job(split_of(sources, recorded, predictions));
  job.batch_size = request.batch_size;
  job.merge = request.merge;
  ProgressLine line(console, recorded.work().title());
  const Control control{&stop_signal(), [&](const Progress& progress) { line.show(progress); }};
  if (!machinery.engine().evaluate(job, control).finished) {
    log::warn("stopped; no predictions are written");
    return 130;
  }
  const std::string text = lines_of(sources, predictions, request.json);
  if (request.file.empty())
    out << text;
  else
    write_durably(request.file, text);
  return 0;
}

}  // namespace atp
