#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "atp/reader.h"
#include "atp/task.h"
#include "sdk/readers.h"

// From what a task says of its files to the files that are there, and their rows.
namespace atp {

// One file, or one entry of an archive, that rows are read from.
struct DataPart {
  std::string path;                            // the file on the disk
  std::string entry = {};                      // of the archive at `path`; "": the file itself
  Files::Format format = Files::Format::none;  // never by_name
  std::string name = {};                       // texts: the column "name"
  // Of a split with a list, a part is a folder of documents: a folder on the disk, or `entry` of an archive.

  std::string text() const;  // for messages: "GLUE.zip: RTE/train.tsv"; the origin of its rows says this as the file
};

// What a split is read from.
struct DataFiles {
  std::string split = {};             // as the task's first form calls it
  std::vector<DataPart> parts = {};   // in order; empty: nothing is there
  std::vector<DataPart> labels = {};  // files of one label a line, beside `parts`
  std::optional<DataPart> list = {};  // which documents of `parts`, and in which order; format json, or none: lines
  std::vector<std::string> columns = {};
  std::vector<std::pair<std::string, std::string>> renamed = {};
  std::function<std::string(const std::string& listed)> name_of_listed = {};
  std::function<std::vector<std::pair<std::string, std::string>>(const std::string& text)> columns_of_text = {};
  std::vector<std::string> lacking = {};   // forms of which a part is there: "A, without B"
  std::vector<std::string> tried = {};     // every path that was looked for, best first, for messages
  std::vector<std::string> archives = {};  // in which, too; their names without ending

  bool found() const { return !parts.empty(); }
  std::string list_text() const;  // the file that is the origin of a listed document's row
};

// The files of a task's split ("train", "dev", …; "validation" and "dev" are two names of one) below `root`, in the
// first form that is there; of their contents only archives' tables are read. Throws DataError for an archive that is
// broken or not to be trusted.
DataFiles find_files(const TextTask& task, const std::string& split, const std::string& root);

// "tsv", "csv", "jsonl", "json" or "parquet" as a form; none for another word.
Files::Format format_named(const std::string& word);
// The form that a file's ending says, `.gz` behind it or not; none where it says nothing.
Files::Format format_by_name(const std::string& path);
std::string without_gzip(const std::string& path);  // the name of what is packed; the path itself where nothing is

// The forms among these files that plugins read, each once: "parquet".
std::vector<std::string> forms_of_plugins(const DataFiles& files);

// Whether two names mean one split: "dev" and "validation" do.
bool same_split(const std::string& one, const std::string& other);
// The split of that name, or else of the other name for it; nullptr where a form has neither.
const Files::Split* find_split(const Files& form, const std::string& name);

// What a split is looked for first, for messages: a path, or folders and their list.
std::string wanted_files(const Files::Split& split);

// The file of a path that a user gave: the archive of "ARCHIVE.zip:ENTRY", else the path itself.
std::string file_on_disk(const std::string& given);

// Whether a task says where the files of a split are, found or not.
bool names_files(const TextTask& task, const std::string& split);

// Where readers of files that are no text come from, by the form's name ("parquet"); nullptr where there is none.
using ReaderOf = std::function<std::shared_ptr<const RowReader>(const std::string& form)>;

// The rows of all parts in order, streamed, with the columns' names that the task expects.
void visit_rows(const DataFiles& files, const RowSink& sink, const ReaderOf& reader_of = {});

// One message for all the splits of a task that have no files: what was tried, who offers them, what to do.
std::string missing_files(const TextTask& task, const std::vector<DataFiles>& missing, const std::string& root);

}  // namespace atp
