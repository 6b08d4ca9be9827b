#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "atp/export.h"
#include "atp/file.h"

// Files that survive a kill at any moment. Part of libatp_sdk, used by the host and the engine; not installed.
namespace atp {

// Replaces `path` as one act: written beside it, fsync, rename, fsync of the folder. Throws Error naming the path and
// the system's reason; a full disk leaves the old file as it was and no partial one behind.
ATP_EXPORT void write_durably(const std::string& path, std::string_view contents);
// The same for contents in parts, one after the other, so that tensors need not be joined in memory first.
ATP_EXPORT void write_durably(const std::string& path, const std::vector<std::string_view>& parts);

// A file on its way to `path`, written from its start to its end, so that its contents need not be in memory together.
// It stands beside `path` under a fixed name, so that a killed process leaves at most one, which the next writer takes;
// another writer of the same path waits for this one. Every fault throws Error naming the path and the system's reason.
class ATP_EXPORT PartialFile {
 public:
  // An empty `path`: a temporary file without a name, which goes with the last use of its descriptor.
  explicit PartialFile(const std::string& path);
  ~PartialFile();  // removes what did not take its place
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  void append(std::string_view contents);
  void overwrite(std::size_t at, std::string_view contents);
  // Takes the place of `path` as one act. Durably: its contents are on disk before, its name after.
  enum class Durably { yes, no };
  void take_place(Durably durably = Durably::yes);
  int descriptor() const { return descriptor_; }  // for reading; closed by the destructor

 private:
  [[noreturn]] void give_up(int error);

  std::string path_, partial_;
  int descriptor_ = -1;
};

// A file that grows by whole lines (metrics.jsonl, predictions.jsonl).
class ATP_EXPORT LineFile {
 public:
  // Opens or creates it and cuts it back to `length` bytes: what was written after the last checkpoint is not part of
  // the run. Throws Error where the file is shorter than that.
  LineFile(const std::string& path, std::size_t length);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void append(std::string_view line);  // adds the line feed
  std::size_t sync();                  // everything is on disk now; gives the file's length in bytes

 private:
  std::string path_;
  std::string buffer_;
  int descriptor_ = -1;
  std::size_t length_ = 0;
};

}  // namespace atp
