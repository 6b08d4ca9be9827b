#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "atp/export.h"
#include "atp/options.h"
#include "atp/registry.h"
#include "atp/value.h"

namespace atp {

// One record of a data file: a table's row by column name, a line of JSON by key.
class ATP_EXPORT Row {
 public:
  explicit Row(Value fields) : fields_(std::move(fields)) {}

  // A column's text. Throws DataError with file and line, naming the columns there are, where it is missing.
  std::string operator[](const std::string& column) const;
  const Value& value(const std::string& column) const;  // nested data, as JSON has it
  bool has(const std::string& column) const { return fields_.find(column) != nullptr; }
  const Value& fields() const { return fields_; }
  const Origin& origin() const { return fields_.origin; }

 private:
  Value fields_;  // a map
};

// What the model reads and should write. `target` may be a raw label: the task's `labels` translate it.
struct Example {
  std::string source;
  std::string target;
  std::vector<std::string> references = {};  // accepted answers; empty: the target alone
  std::string group = {};                    // rows of one question (MultiRC) share a group
};

// A split's part in an experiment, for tasks that make other rows to train on than to be scored on (ReCoRD).
enum class Role { train, evaluate };

// Where the rows of each split are, in one form of distribution. Paths stand below the data root and are tried in
// order; one that is not there is looked for below the suite's folder, with `.gz` behind it, and inside an archive that
// has the name of its first folder or one of `archives`' (.zip, .tar.gz, .tgz, .tar, .7z). A path may hold `*`: all
// files that match, in the order of their names, are one split. Columns are found by the header's names, or by
// `columns` for a file without a header (then `columns` names all of them).
struct ATP_EXPORT Files {
  enum class Format {
    none,
    tsv,      // no quoting at all
    csv,      // RFC 4180
    jsonl,    // one object a line
    json,     // one document; rows: the outermost list's items, or those of the outermost map's "data", or its members
    parquet,  // as the Hub serves it; needs the reader plugin
    texts,    // a folder of text files: columns "name" (the path below the folder) and "text"
    by_name,  // what each file's ending says: .tsv .csv .jsonl .json .parquet
  };
  struct Split {
    std::string name;  // "train", "dev", "test", or what `Splits::official` should call it
    std::vector<std::string> paths;
    std::vector<std::string> labels = {};  // files of one label a line, beside `paths`: the column "label" (PIQA)
    // Of texts: which documents of the folders `paths`, all of which have to be there, are in the split, and in which
    // order. The first file that is there counts: a name a line, or JSON (a list, or a map with one for each split).
    std::vector<std::string> lists = {};  // EXAMPLE: tasks/generation/cnn_dailymail.cpp
  };

  Format format = Format::none;
  std::vector<Split> splits = {};
  std::vector<std::string> columns = {};
  std::vector<std::string> archives = {};  // names without ending, where it is not the first folder's: "aclImdb_v1"
  // This form's column → what the task's `render` calls it.
  std::vector<std::pair<std::string, std::string>> renamed = {};
  // What a list says → the name of a document below its folder; none: the same.
  std::function<std::string(const std::string& listed)> name_of_listed = {};
  // Of texts: a document → its row's columns, in place of "text". Throws DataError for one that is not of the form.
  std::function<std::vector<std::pair<std::string, std::string>>(const std::string& text)> columns_of_text = {};
};

using SplitPaths = std::vector<std::pair<std::string, std::string>>;
// GLUE's TSV: one row a line, tab between fields, no quoting at all.
ATP_EXPORT Files tsv(SplitPaths paths, std::vector<std::string> columns = {});
// CSV as RFC 4180 has it, quotes doubled inside quotes.
ATP_EXPORT Files csv(SplitPaths paths, std::vector<std::string> columns = {});
ATP_EXPORT Files jsonl(SplitPaths paths);
// The Hub's export of a data set: `folder`/{train,validation,test}-*.parquet, or
// {train,validation,test}.{jsonl,json,csv}. A classification's label is the class's number there, which may stand for
// the label's text (`TextTask::labels`). `splits` renames splits: {{"validation", "validation_matched"}}.
ATP_EXPORT Files hub(const std::string& folder, std::vector<std::pair<std::string, std::string>> renamed = {},
                     SplitPaths splits = {});

// How the splits of an experiment (train, validation, test) come from the files, after Mahabadi et al. 2021a;
// permutations are torch.randperm's with a generator seeded 42.
enum class Splits {
  official,   // train, validation (or dev) and test as the files are
  halve_dev,  // small sets: the first half of a permutation of dev is validation, the rest test
  hold_out,   // large sets: 1,000 of a permutation of train become validation, test is dev or their own
};

struct Label {
  std::string raw;   // as the file writes it; a file may also write `text` (the Hub's class numbers)
  std::string text;  // as the model writes it
};

// A task that turns rows into text: everything that a reader of the paper wants to know about it, and nothing about
// files' forms, splits, batching or tokens. EXAMPLE: tasks/glue/rte.cpp.
struct ATP_EXPORT TextTask {
  std::string name;
  std::string suite = {};
  std::string summary = {};  // one line
  std::string origin = {};   // who offers the files and where; part of the message when they are missing
  std::string licence = {};
  Files files = {};                     // as the authors distribute it
  std::vector<Files> other_forms = {};  // the same rows otherwise, tried in order where a split's files are not there
  Splits splits = Splits::official;
  std::vector<Label> labels = {};         // empty: free text
  std::vector<std::string> metrics = {};  // the first is primary: it chooses the best checkpoint
  std::string prefix = {};  // written before the source, one space between (METHODS.md); empty: the task's name
  bool has_prefix = true;

  // Exactly one of the next two: a row to one example, or to several.
  std::function<Example(const Row& row)> render = {};
  std::function<std::vector<Example>(const Row& row, Role role)> expand = {};
  // False: `expand` makes the same examples in either role, so that one reading of a file serves training and scoring.
  bool roles_differ = true;

  // For a task without files: makes the rows of a split ("train", "validation", "test") itself, the same ones every
  // time.
  std::function<std::vector<Row>(const std::string& split)> generate = {};

  // True for a row that is no example by the data set's own rule (MNLI's gold label "-"): it is counted, and is not a
  // row that cannot be used. An `expand` that makes no example leaves its row out in the same way.
  std::function<bool(const Row& row)> left_out = {};
};

template <>
struct Interface<TextTask> {
  static constexpr const char* kind = "task";
  using Make = TextTask(const Params&);
};

// The usual way to offer a task that has no options of its own: `offer(rte())`.
ATP_EXPORT Offer<TextTask> offer(TextTask task);

// Readers, for tasks that read beside the usual way. Rows carry their file and line; a byte-order mark and CRLF are
// taken away; invalid UTF-8, too few or too many fields throw DataError with the line.
ATP_EXPORT std::vector<Row> read_rows(Files::Format format, const std::string& path,
                                      const std::vector<std::string>& columns = {});

}  // namespace atp
