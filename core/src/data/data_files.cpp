#include "data/data_files.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cctype>

#include "atp/error.h"
#include "atp/words.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

const Files::Split* find_split(const Files& form, const std::string& name) {
  const std::string other = name == "dev" ? "validation" : name == "validation" ? "dev" : name;
  for (const auto& wanted : {name, other}) {
    for (const auto& split : form.splits) {
      if (split.name == wanted) return &split;
    }
  }
  return nullptr;
}

std::vector<Files> forms_of(const TextTask& task) {
  std::vector<Files> forms = {task.files};
  forms.insert(forms.end(), task.other_forms.begin(), task.other_forms.end());
  return forms;
}

// The folders that a path may stand below.
std::vector<std::string> bases(const TextTask& task, const std::string& root) {
  if (root.empty()) return {};
  std::vector<std::string> folders = {root};
  if (!task.suite.empty()) folders.push_back((fs::path(root) / lower(task.suite)).string());
  return folders;
}

Files::Format format_of(const Files& form, const std::string& path) {
  if (form.format != Files::Format::by_name) return form.format;
  const std::string ending = fs::path(path).extension().string();
  if (ending == ".tsv") return Files::Format::tsv;
  if (ending == ".csv") return Files::Format::csv;
  if (ending == ".jsonl") return Files::Format::jsonl;
  if (ending == ".json") return Files::Format::json;
  if (ending == ".parquet") return Files::Format::parquet;
  throw DataError({path}, "its ending says no form; .tsv, .csv, .jsonl, .json or .parquet is expected");
}

void search(const TextTask& task, const Files& form, const Files::Split& split, const std::string& root,
            DataFiles& result) {
  for (const auto& path : split.paths) {
    std::vector<std::string> places;
    if (fs::path(path).is_absolute()) places = {path};
    for (const auto& base : bases(task, root)) {
      if (places.empty() || places.front() != path) places.push_back((fs::path(base) / path).string());
    }
    for (const auto& place : places) {
      boost::system::error_code error;
      result.tried.push_back(place);
      if (!result.found() && fs::exists(place, error)) result.parts.push_back({place, "", format_of(form, place)});
    }
  }
}

}  // namespace

std::string DataPart::text() const { return entry.empty() ? path : path + ": " + entry; }

std::vector<std::string> DataFiles::paths() const {
  std::vector<std::string> all;
  for (const auto* list : {&parts, &labels}) {
    for (const auto& part : *list) {
      if (std::find(all.begin(), all.end(), part.path) == all.end()) all.push_back(part.path);
    }
  }
  return all;
}

bool names_files(const TextTask& task, const std::string& split) {
  const auto forms = forms_of(task);
  return std::any_of(forms.begin(), forms.end(), [&](const Files& form) { return find_split(form, split); });
}

DataFiles find_files(const TextTask& task, const std::string& split, const std::string& root) {
  DataFiles result{.split = split};
  for (const auto& form : forms_of(task)) {
    const Files::Split* named = find_split(form, split);
    if (!named) continue;
    search(task, form, *named, root, result);
    if (!result.found()) continue;
    result.columns = form.columns;
    result.renamed = form.renamed;
    break;
  }
  return result;
}

void visit_rows(const DataFiles& files, const RowSink& sink) {
  for (const auto& part : files.parts) {
    FileBytes bytes(part.path);
    visit_rows(part.format, bytes, part.text(), files.columns, sink);
  }
}

std::string missing_files(const TextTask& task, const std::vector<DataFiles>& missing, const std::string& root) {
  std::vector<std::string> splits, tried;
  for (const auto& files : missing) {
    splits.push_back("'" + files.split + "'");
    tried.insert(tried.end(), files.tried.begin(), files.tried.end());
  }
  std::string text = "task '" + task.name + "': no data for its split" + (splits.size() > 1 ? "s " : " ") +
                     joined(splits, ", ") + ". ";
  text += tried.empty() ? "There is no data root to look below" : "Looked for\n  " + joined(tried, "\n  ");
  if (!task.origin.empty()) text += "\n" + task.origin + (task.origin.ends_with('.') ? "" : ".");
  text += task.origin.empty() ? "\n" : " ";
  text += "Put it below --data DIR (" + (root.empty() ? "none is given" : "now " + root) +
          "; also data.root in a recipe, or $ATP_DATA), or name the files in the recipe: data.files.";
  return text;
}

}  // namespace atp
