#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "atp/task.h"
#include "data/data_files.h"
#include "data/token_rows.h"
#include "data/tokenizer.h"

// Texts to be answered, where nobody has written the answers yet.
namespace atp {

// The sources of a task's rows, `prefix` before each. A row need not have its answer: columns that only the target is
// made of may be missing. Throws DataError, with file and line, for a column that the source is made of.
std::vector<std::string> sources_of_row(const TextTask& task, const Row& row, const std::string& prefix);

// Those of files: the task's own rows, or, where the first one lacks what the task makes sources of and has "source",
// rows that bring their sources as the model reads them (as a run's predictions.jsonl has them).
std::vector<std::string> sources_of_rows(const TextTask& task, const DataFiles& files, const std::string& prefix,
                                         const ReaderOf& reader_of = {});

// The sources in a file of either form, told by its ending (.tsv, .csv, .jsonl, .json, .parquet), or of text, one a
// line as the model reads them. A table without a header may also have one.
std::vector<std::string> read_sources(const std::string& path, const TextTask& task, const std::string& prefix,
                                      const ReaderOf& reader_of = {});

// Token ids of sources, with </s> alone for targets.
std::shared_ptr<const TokenRows> tokenise_sources(const std::vector<std::string>& sources, const Tokenizer& tokenizer,
                                                  std::int64_t length);

}  // namespace atp
