#pragma once

#include <cstdint>
#include <ctime>
#include <iosfwd>
#include <string>
#include <vector>

// `atp cache`: the cache of examples and tokens below an output folder. A file is named by all that it was made of, so
// one of a plugin, tokenizer or data file that is no more is never found again, and stays until somebody removes it.
namespace atp {

struct CachedFile {
  std::string path;
  std::string part;  // "examples" or "tokens"
  std::uint64_t bytes = 0;
  std::time_t used = 0;  // when it was made or last opened
};

// Those below `out`/cache, the longest unused first. Throws DataError where there is no folder `out`.
std::vector<CachedFile> cached_files(const std::string& out);

// Removes what was not used for `days` days and is not being written now, and gives what it removed. Who reads such a
// file keeps it; who wants it again makes it again. Throws Error naming a file that cannot be removed.
std::vector<CachedFile> remove_unused(const std::string& out, std::int64_t days, std::time_t now);

// How many files of each part, their size and how long they were not used; in JSON every file.
void print_cache(const std::vector<CachedFile>& files, bool json, std::time_t now, std::ostream& out);

}  // namespace atp
