#pragma once

#include <memory>
#include <string>
#include <string_view>

// What files hold, as XXH3-128 digests of 32 hexadecimal digits.
namespace atp {

std::string text_digest(std::string_view text);
std::string file_digest(const std::string& path);  // reads the file; throws Error naming it

// Digests remembered by path, size and times of change, so that a checkpoint of 10 GB is read once.
class ContentDigests {
 public:
  // `database`: an SQLite file, made when there is something to remember; "": remembers only while it lives. One that
  // cannot be used is done without.
  explicit ContentDigests(std::string database);
  ~ContentDigests();

  std::string file(const std::string& path);  // throws Error where it cannot be read
  // A folder in Hub layout: config, weights and tokenizer, whatever else lies beside them.
  std::string checkpoint(const std::string& folder);

 private:
  struct Memory;
  std::string database_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace atp
