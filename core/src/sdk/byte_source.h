#pragma once

#include <string>
#include <string_view>

#include "atp/export.h"

namespace atp {

// Where a reader's bytes come from: a file, what is packed in one, an entry of an archive. A chunk at a time, so that
// memory does not grow with the file.
class ATP_EXPORT ByteSource {
 public:
  virtual ~ByteSource();
  // The next bytes, good until the next call; empty at the end and ever after. Throws DataError where they cannot be
  // read.
  virtual std::string_view next() = 0;
};

// A file on the disk. Throws DataError where it is not there or is no regular file.
class ATP_EXPORT FileBytes final : public ByteSource {
 public:
  explicit FileBytes(std::string path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  std::string_view next() override;

 private:
  std::string path_;
  std::string chunk_;
  int file_ = -1;
};

// Bytes that are in memory.
class ATP_EXPORT TextBytes final : public ByteSource {
 public:
  explicit TextBytes(std::string_view text) : text_(text) {}
  std::string_view next() override;

 private:
  std::string_view text_;
};

}  // namespace atp
