#include "data/data_files.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cctype>
#include <map>
#include <set>

#include "atp/error.h"
#include "atp/words.h"
#include "data/archive.h"

namespace atp {

namespace fs = boost::filesystem;

namespace {

using Format = Files::Format;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
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

bool is_file(const std::string& path) {
  boost::system::error_code error;
  return fs::is_regular_file(path, error);
}

// --- names that match a path in which `*` may stand

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin && path.compare(begin, end - begin, ".") != 0) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// `*` stands for any characters, but not for a hidden name's first dot.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with('*') && name.starts_with('.')) return false;
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

// How many of a path's folders stand before the first `*`: names of texts begin after them.
std::size_t fixed_folders(const std::vector<std::string>& pattern) {
  std::size_t count = 0;
  while (count < pattern.size() && pattern[count].find('*') == std::string::npos) ++count;
  return count;
}

bool is_hidden(const std::string& name) { return name.starts_with(".") || name == "__MACOSX"; }

using Names = std::set<std::string>;  // in their order

void add_below(const fs::path& folder, const std::string& name, Names& names) {
  boost::system::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string own = entry->path().filename().string();
    if (is_hidden(own)) continue;
    boost::system::error_code ignored;
    if (fs::is_directory(entry->path(), ignored)) {
      add_below(entry->path(), name + "/" + own, names);
    } else if (fs::is_regular_file(entry->path(), ignored)) {
      names.insert(name + "/" + own);
    }
  }
}

void add_matching(const fs::path& at, const std::vector<std::string>& pattern, std::size_t depth,
                  const std::string& name, bool texts, Names& names) {
  boost::system::error_code error;
  if (depth == pattern.size()) {
    if (texts && fs::is_directory(at, error)) return add_below(at, name, names);
    if (fs::is_regular_file(at, error)) names.insert(name);
    return;
  }
  const std::string before = name.empty() ? "" : name + "/";
  if (pattern[depth].find('*') == std::string::npos) {
    return add_matching(at / pattern[depth], pattern, depth + 1, before + pattern[depth], texts, names);
  }
  for (fs::directory_iterator entry(at, error), end; !error && entry != end; entry.increment(error)) {
    const std::string own = entry->path().filename().string();
    if (matches(pattern[depth], own)) add_matching(entry->path(), pattern, depth + 1, before + own, texts, names);
  }
}

// Files of a folder, by their names below it; with `texts` all that are below a folder that matches, too.
Names names_in_folder(const std::string& folder, const std::string& path, bool texts) {
  Names names;
  add_matching(folder, components(path), 0, "", texts, names);
  return names;
}

bool entry_matches(const std::string& name, const std::vector<std::string>& pattern, bool texts) {
  const auto parts = components(name);
  if (parts.size() < pattern.size() || (parts.size() > pattern.size() && !texts)) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!matches(pattern[i], parts[i])) return false;
  }
  return std::none_of(parts.begin() + static_cast<std::ptrdiff_t>(pattern.size()), parts.end(), is_hidden);
}

// The same of an archive. What is no file is left out where a pattern meets it, and kept where it is meant.
Names names_in_archive(const std::string& archive, const std::string& path, bool texts) {
  Names names;
  const auto pattern = components(path);
  const bool one = !texts && fixed_folders(pattern) == pattern.size();
  for (const auto& entry : *archive_entries(archive)) {
    if (entry.kind == ArchiveEntry::Kind::other && !one) continue;
    if (!entry_matches(entry.name, pattern, texts)) continue;
    if (!names.insert(entry.name).second) {
      throw DataError({archive}, "it has two entries " + entry.name + "; which one is meant is not known");
    }
  }
  return names;
}

// --- from a path of a task to the parts that are there

Format format_of(Format form, const std::string& path) { return form == Format::by_name ? format_by_name(path) : form; }

// With `.gz` behind it, or without.
std::vector<std::string> with_gzip(const std::string& path, bool texts) {
  if (texts) return {path};
  return {path, path.ends_with(".gz") ? without_gzip(path) : path + ".gz"};
}

std::string name_below(const std::string& name, std::size_t folders) {
  const auto parts = components(name);
  const std::size_t from = std::min(folders, parts.empty() ? 0 : parts.size() - 1);
  return joined({parts.begin() + static_cast<std::ptrdiff_t>(from), parts.end()}, "/");
}

class Search {
 public:
  Search(const TextTask& task, const Files& form, const std::string& root)
      : form_(form), texts_(form.format == Format::texts), bases_(bases(task, root)) {}

  // What stands at a path, in the first form of it that is there.
  std::vector<DataPart> at(const std::string& path) const;
  // The folder at a path, on the disk or in an archive, where it is there and not empty.
  std::optional<DataPart> folder_at(const std::string& path) const;
  std::vector<std::string> archives(const std::string& path) const;  // that `at` looks into; their names without ending

 private:
  std::vector<DataPart> given(const std::string& path) const;
  std::vector<DataPart> in_folder(const std::string& folder, const std::string& path) const;
  std::vector<DataPart> in_archive(const std::string& archive, const std::string& path) const;
  std::vector<std::string> places_in(const std::string& archive, const std::string& path) const;
  std::vector<std::string> archive_files(const std::string& path) const;

  const Files& form_;
  bool texts_;
  std::vector<std::string> bases_;
};

std::vector<DataPart> Search::in_folder(const std::string& folder, const std::string& path) const {
  std::vector<DataPart> parts;
  const std::size_t fixed = fixed_folders(components(path));
  for (const auto& name : names_in_folder(folder, path, texts_)) {
    const std::string place = (fs::path(folder) / name).string();
    parts.push_back({place, "", format_of(form_.format, place), texts_ ? name_below(name, fixed) : ""});
  }
  return parts;
}

// Where in an archive a path may stand.
std::vector<std::string> Search::places_in(const std::string& archive, const std::string& path) const {
  const std::size_t slash = path.find('/');
  const std::string stem = components(archive).back().substr(0, components(archive).back().find('.'));
  std::vector<std::string> inside = {path, stem + "/" + path};
  if (slash != std::string::npos && archives(path).front() == path.substr(0, slash))
    inside.push_back(path.substr(slash + 1));
  return inside;
}

std::vector<DataPart> Search::in_archive(const std::string& archive, const std::string& path) const {
  for (const auto& pattern : places_in(archive, path)) {
    for (const auto& form : with_gzip(pattern, texts_)) {
      std::vector<DataPart> parts;
      const std::size_t fixed = fixed_folders(components(form));
      for (const auto& name : names_in_archive(archive, form, texts_)) {
        parts.push_back({archive, name, format_of(form_.format, name), texts_ ? name_below(name, fixed) : ""});
      }
      if (!parts.empty()) return parts;
    }
  }
  return {};
}

std::vector<std::string> Search::archives(const std::string& path) const {
  std::vector<std::string> names;
  const std::size_t slash = path.find('/');
  if (slash != std::string::npos) names.push_back(path.substr(0, slash));
  for (const auto& name : form_.archives) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

// A path that a user gave: a file, an archive with one file, or ARCHIVE:ENTRY.
std::vector<DataPart> Search::given(const std::string& path) const {
  if (texts_ || path.find('*') != std::string::npos) return in_folder("/", path.substr(1));
  const std::string file = file_on_disk(path);
  if (!is_file(file)) return {};
  if (!is_archive(file)) return {{file, "", format_of(form_.format, file)}};
  std::string wanted = file == path ? "" : path.substr(file.size() + 1);
  std::vector<std::string> names;
  for (const auto& entry : *archive_entries(file)) {
    if (entry.name == wanted) return {{file, wanted, format_of(form_.format, wanted)}};
    if (entry.kind == ArchiveEntry::Kind::file) names.push_back(entry.name);
  }
  if (wanted.empty() && names.size() == 1) return {{file, names.front(), format_of(form_.format, names.front())}};
  const std::size_t count = names.size();
  if (count > 5) names.resize(5);
  throw DataError({file}, (wanted.empty() ? "an archive of several files; name one of them, as in " + file + ":ENTRY"
                                          : "no entry '" + wanted + "' in this archive" + did_you_mean(wanted, names)) +
                              " (it holds " + (names.empty() ? "none" : joined(names, ", ")) +
                              (count > names.size() ? " and " + std::to_string(count - names.size()) + " more)" : ")"));
}

std::vector<DataPart> Search::at(const std::string& path) const {
  if (fs::path(path).is_absolute()) return given(path);
  for (const auto& form : with_gzip(path, texts_)) {
    for (const auto& base : bases_) {
      if (auto parts = in_folder(base, form); !parts.empty()) return parts;
    }
  }
  for (const auto& archive : archive_files(path)) {
    if (auto parts = in_archive(archive, path); !parts.empty()) return parts;
  }
  return {};
}

std::vector<std::string> Search::archive_files(const std::string& path) const {
  std::vector<std::string> files;
  for (const auto& base : bases_) {
    for (const auto& name : archives(path)) {
      for (const auto& ending : archive_endings()) {
        std::string archive = (fs::path(base) / (name + ending)).string();
        if (is_file(archive)) files.push_back(std::move(archive));
      }
    }
  }
  return files;
}

std::optional<DataPart> Search::folder_at(const std::string& path) const {
  for (const auto& base : bases_) {
    boost::system::error_code error;
    const fs::path folder = fs::path(base) / path;
    if (fs::is_directory(folder, error) && !fs::is_empty(folder, error))
      return DataPart{folder.string(), "", Format::texts};
  }
  for (const auto& archive : archive_files(path)) {
    const auto entries = archive_entries(archive);
    for (const auto& place : places_in(archive, path)) {
      const auto below = [&](const ArchiveEntry& entry) { return entry.name.starts_with(place + "/"); };
      if (std::any_of(entries->begin(), entries->end(), below)) return DataPart{archive, place, Format::texts};
    }
  }
  return std::nullopt;
}

// The form that a file which a user gave has by its ending, where that is another than the task's own.
Files form_of_given(const TextTask& task, const Files& form, const std::string& path) {
  Format named = format_by_name(path);
  if (form.format == Format::texts && is_file(file_on_disk(path))) {  // rows in place of a folder
    if (named == Format::none && is_archive(file_on_disk(path))) named = Format::by_name;
  } else if (form.format == Format::texts || form.format == Format::by_name) {
    return form;
  }
  if (!fs::path(path).is_absolute() || named == Format::none || named == form.format) return form;
  Files result{.format = named};
  for (const auto& other : task.other_forms) {
    if (other.format != named && other.format != Format::by_name) continue;
    result.renamed = other.renamed;
    break;
  }
  return result;
}

void note_archives(const Search& search, const std::string& path, DataFiles& result) {
  if (fs::path(path).is_absolute()) return;
  for (const auto& archive : search.archives(path))
    if (std::find(result.archives.begin(), result.archives.end(), archive) == result.archives.end())
      result.archives.push_back(archive);
}

// A list and all of the folders with its documents, or nothing.
void search_listed(const TextTask& task, const Files& form, const Files::Split& split, const std::string& root,
                   DataFiles& result) {
  const Search folders(task, form, root);
  const Files plain{.format = Format::by_name, .archives = form.archives};
  const Search files(task, plain, root);
  std::vector<DataPart> parts;
  std::optional<DataPart> list;
  std::vector<std::string> there, lacking;
  result.tried.push_back(wanted_files(split));
  for (const auto& path : split.lists) {
    note_archives(files, path, result);
    if (result.found() || list) continue;
    if (auto found = files.at(path); !found.empty()) list = std::move(found.front());
  }
  for (const auto& path : split.paths) {
    note_archives(folders, path, result);
    if (result.found()) continue;
    if (auto folder = folders.folder_at(path)) {
      there.push_back(folder->text());
      parts.push_back(std::move(*folder));
    } else {
      lacking.push_back(path);
    }
  }
  if (result.found()) return;
  if (list)
    there.insert(there.begin(), list->text());
  else
    lacking.insert(lacking.begin(), joined(split.lists, " or "));
  if (!there.empty() && !lacking.empty()) {
    result.lacking.push_back(joined(there) + ", without " + joined(lacking));
  } else if (lacking.empty()) {
    result.parts = std::move(parts);
    result.list = std::move(list);
    result.renamed = form.renamed;
    result.name_of_listed = form.name_of_listed;
    result.columns_of_text = form.columns_of_text;
  }
}

void search_form(const TextTask& task, const Files& form, const std::string& root, DataFiles& result) {
  const Files::Split* split = find_split(form, result.split);
  if (!split) return;
  if (!split->lists.empty()) return search_listed(task, form, *split, root, result);
  for (std::size_t i = 0; i < split->paths.size(); ++i) {
    const Files meant = form_of_given(task, form, split->paths[i]);
    const Search search(task, meant, root);
    result.tried.push_back(split->paths[i]);
    note_archives(search, split->paths[i], result);
    if (result.found()) continue;
    result.parts = search.at(split->paths[i]);
    if (!result.found()) continue;
    result.columns = meant.columns;
    result.renamed = meant.renamed;
    result.columns_of_text = meant.columns_of_text;
    if (split->labels.empty()) continue;
    const std::string& labels = split->labels[std::min(i, split->labels.size() - 1)];
    result.labels = search.at(labels);
    if (!result.labels.empty()) continue;
    throw DataError({result.parts.front().text()},
                    "its labels are expected in a file beside it, which is not there: " + labels);
  }
}

}  // namespace

Files::Format format_named(const std::string& word) {
  static const std::map<std::string, Format> formats = {{"tsv", Format::tsv},
                                                        {"csv", Format::csv},
                                                        {"jsonl", Format::jsonl},
                                                        {"json", Format::json},
                                                        {"parquet", Format::parquet}};
  const auto found = formats.find(word);
  return found == formats.end() ? Format::none : found->second;
}

Files::Format format_by_name(const std::string& path) {
  const std::string ending = fs::path(without_gzip(path)).extension().string();
  return ending.empty() ? Format::none : format_named(ending.substr(1));
}

std::string without_gzip(const std::string& path) {
  return path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path;
}

std::vector<std::string> forms_of_plugins(const DataFiles& files) {
  const bool has_parquet = std::any_of(files.parts.begin(), files.parts.end(),
                                       [](const DataPart& part) { return part.format == Format::parquet; });
  return has_parquet ? std::vector<std::string>{"parquet"} : std::vector<std::string>{};
}

bool same_split(const std::string& one, const std::string& other) {
  const auto name = [](const std::string& split) { return split == "dev" ? "validation" : split; };
  return name(one) == name(other);
}

const Files::Split* find_split(const Files& form, const std::string& name) {
  const Files::Split* found = nullptr;
  for (const auto& split : form.splits) {
    if (split.name == name) return &split;
    if (!found && same_split(split.name, name)) found = &split;
  }
  return found;
}

std::string file_on_disk(const std::string& given) {
  if (is_file(given)) return given;
  for (std::size_t colon = given.find(':'); colon != std::string::npos; colon = given.find(':', colon + 1)) {
    const std::string path = given.substr(0, colon);
    if (is_archive(path)) return path;
  }
  return given;
}

std::string wanted_files(const Files::Split& split) {
  if (split.lists.empty()) return split.paths.empty() ? "" : split.paths.front();
  return joined(split.paths, " and ") + " with " + joined(split.lists, " or ");
}

std::string DataPart::text() const { return entry.empty() ? path : path + ": " + entry; }

std::string DataFiles::list_text() const {
  return list->text() + (list->format == Files::Format::json ? ": " + split : "");
}

bool names_files(const TextTask& task, const std::string& split) {
  const auto forms = forms_of(task);
  return std::any_of(forms.begin(), forms.end(), [&](const Files& form) { return find_split(form, split); });
}

DataFiles find_files(const TextTask& task, const std::string& split, const std::string& root) {
  DataFiles result{.split = split};
  for (const auto& form : forms_of(task)) search_form(task, form, root, result);
  return result;
}

namespace {

std::string looked(const TextTask& task, const std::string& root) {
  const auto folders = bases(task, root);
  return folders.empty() ? "Looked for" : "Looked below " + joined(folders, " and ") + " for";
}

}  // namespace

std::string missing_files(const TextTask& task, const std::vector<DataFiles>& missing, const std::string& root) {
  std::vector<std::string> splits;
  std::string tried;
  std::set<std::string> archives;
  for (const auto& files : missing) {
    splits.push_back("'" + files.split + "'");
    std::vector<std::string> paths = files.tried;
    if (root.empty()) std::erase_if(paths, [](const std::string& path) { return !fs::path(path).is_absolute(); });
    if (!paths.empty()) tried += "\n  " + files.split + ": " + joined(paths, ", ");
    for (const auto& form : files.lacking) tried += "\n  there is " + form;
    if (!root.empty()) archives.insert(files.archives.begin(), files.archives.end());
  }
  std::string text = "task '" + task.name + "': no data for its split" + (splits.size() > 1 ? "s " : " ") +
                     joined(splits, ", ") + ". ";
  text += tried.empty() ? "There is no data root to look below" : looked(task, root) + tried;
  if (!archives.empty())
    text += "\nwith .gz or without, and in the archives " +
            joined(std::vector<std::string>(archives.begin(), archives.end()), ", ") + " (" +
            joined(archive_endings(), ", ") + ")";
  if (!task.origin.empty()) text += "\n" + task.origin + (task.origin.ends_with('.') ? "" : ".");
  text += task.origin.empty() ? "\n" : " ";
  text += "Put it below --data DIR (" + (root.empty() ? "none is given" : "now " + root) +
          "; also data.root in a recipe, or $ATP_DATA), or name the files in the recipe: data.files.";
  return text;
}

}  // namespace atp
