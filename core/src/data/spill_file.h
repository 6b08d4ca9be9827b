#pragma once

#include <cstdint>
#include <string>

#include "sdk/byte_source.h"

namespace atp {

// A file without a name, for what is too large for memory; it goes with the process, killed or not.
class SpillFile {
 public:
  SpillFile();
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  struct Piece {
    std::uint64_t begin = 0, end = 0;
  };
  Piece append(ByteSource& bytes);
  std::string path() const;  // for readers that want a file; good as long as this lives

 private:
  friend class SpilledBytes;
  int file_ = -1;
  std::uint64_t size_ = 0;
};

// A piece of it, read back.
class SpilledBytes final : public ByteSource {
 public:
  SpilledBytes(const SpillFile& file, SpillFile::Piece piece) : file_(file), piece_(piece) {}
  std::string_view next() override;

 private:
  const SpillFile& file_;
  SpillFile::Piece piece_;
  std::string chunk_;
};

}  // namespace atp
