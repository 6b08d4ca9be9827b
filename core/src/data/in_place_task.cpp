#include <algorithm>
#include <boost/filesystem.hpp>

#include "data/archive.h"
#include "data/task_data.h"

// Tasks that a recipe makes itself: {name, files, source: "{question}", target: "{answer}", metrics, …}.
namespace atp {

namespace fs = boost::filesystem;

namespace {

// "premise: {p} hypothesis: {h}": texts and the columns between them. `{{` and `}}` are braces.
class Template {
 public:
  Template(const std::string& text, const Origin& origin) {
    parts_.push_back({});
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool doubled = i + 1 < text.size() && text[i + 1] == text[i];
      if ((text[i] == '{' || text[i] == '}') && doubled) {
        parts_.back().text += text[i++];
      } else if (text[i] == '{') {
        const std::size_t end = text.find('}', i);
        if (end == std::string::npos) {
          throw RecipeError(origin,
                            "template '" + text + "': a '{' is never closed; expected {column} ('{{' is a brace)");
        }
        parts_.back().column = text.substr(i + 1, end - i - 1);
        if (parts_.back().column.empty()) {
          throw RecipeError(origin, "template '" + text + "': '{}' names no column; expected {column}");
        }
        parts_.push_back({});
        i = end;
      } else if (text[i] == '}') {
        throw RecipeError(origin, "template '" + text + "': a '}' closes nothing; expected {column} ('}}' is a brace)");
      } else {
        parts_.back().text += text[i];
      }
    }
  }

  std::string fill(const Row& row) const {
    std::string result;
    for (const auto& part : parts_) {
      result += part.text;
      if (!part.column.empty()) result += row[part.column];
    }
    return result;
  }

 private:
  struct Part {
    std::string text;
    std::string column = {};  // that follows the text; "" at the end
  };
  std::vector<Part> parts_;
};

// By the name's ending: "a.csv", "a.csv.gz", "a.zip:rows/a.csv". An archive alone is expected to hold one file, which
// says its form itself.
Files::Format format_of(const std::string& path, const Origin& origin) {
  if (is_archive(path)) return Files::Format::by_name;
  const auto format = format_by_name(path);
  if (format != Files::Format::none) return format;
  throw RecipeError(origin, "the form of '" + path +
                                "' is not known by its name; expected .tsv, .csv, .jsonl, .json or .parquet, or "
                                "format: tsv | csv | jsonl | json | parquet beside the files");
}

// A relative path starts at the folder of the file that says it; where it is not there, it is one below the data root.
std::vector<std::string> places(const Value& path) {
  const std::string text = path.text();
  if (fs::path(text).is_absolute()) return {text};
  boost::system::error_code error;
  fs::path base = fs::current_path();
  if (path.origin.known() && fs::exists(path.origin.file, error)) base = fs::absolute(path.origin.file).parent_path();
  return {(base / text).lexically_normal().string(), text};
}

Files files_of(const Params& options) {
  Files files;
  const auto format = format_named(options.optional_text("format").value_or(""));
  for (const auto& [split, value] : options.value("files").members()) {
    Files::Split one{split, {}};
    const Value::List paths = value.is_list() ? value.items() : Value::List{value};
    for (const auto& path : paths) {
      if (!path.is_text()) {
        throw RecipeError(path.origin, "files." + split + ": found " + path.type_name() + ", expected a path");
      }
      const auto form = format != Files::Format::none ? format : format_of(path.text(), path.origin);
      const bool is_first = files.format == Files::Format::none;
      files.format = is_first || files.format == form ? form : Files::Format::by_name;
      for (auto& place : places(path)) one.paths.push_back(std::move(place));
    }
    files.splits.push_back(std::move(one));
  }
  if (options.has("columns")) {
    for (const auto& column : options.value("columns").items()) files.columns.push_back(column.scalar_text());
  }
  if (files.splits.empty()) throw RecipeError(options.origin("files"), "files: at least one split is expected");
  return files;
}

// labels: [no, yes], or {raw: text}.
std::vector<Label> labels_of(const Params& options) {
  std::vector<Label> labels;
  if (!options.has("labels")) return labels;
  const Value& value = options.value("labels");
  if (value.is_list()) {
    for (const auto& item : value.items()) labels.push_back({item.scalar_text(), item.scalar_text()});
  } else if (value.is_map()) {
    for (const auto& [raw, text] : value.members()) labels.push_back({raw, text.scalar_text()});
  } else if (!value.is_null()) {
    throw RecipeError(options.origin("labels"),
                      std::string("labels: found ") + value.type_name() +
                          ", expected a list of labels or a map from the file's to the model's");
  }
  return labels;
}

Splits rule_of(const Params& options) {
  const std::string name = options.optional_text("splits").value_or("official");
  if (name == "halve_dev") return Splits::halve_dev;
  if (name == "hold_out") return Splits::hold_out;
  return Splits::official;
}

}  // namespace

TextTask in_place_task(const std::string& name, const Params& options) {
  TextTask task;
  task.name = name;
  task.suite = {};
  task.summary = options.optional_text("summary").value_or("made in " + options.where().text());
  task.files = files_of(options);
  task.splits = rule_of(options);
  task.labels = labels_of(options);
  for (const auto& metric : options.value("metrics").items()) task.metrics.push_back(metric.scalar_text());
  task.prefix = options.optional_text("prefix").value_or("");
  task.has_prefix = !task.prefix.empty();
  const Template source(options.text("source"), options.origin("source"));
  const Template target(options.text("target"), options.origin("target"));
  task.render = [source, target](const Row& row) {
    return Example{.source = source.fill(row), .target = target.fill(row)};
  };
  return task;
}

}  // namespace atp
