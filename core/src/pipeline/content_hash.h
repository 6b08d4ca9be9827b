#pragma once

#include <map>
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

  // Of a file, or of all files below a folder, which are remembered together. Throws Error where one cannot be read.
  std::string file(const std::string& path);
  // A folder in Hub layout: config, weights and tokenizer, whatever else lies beside them.
  std::string checkpoint(const std::string& folder);

  // The files asked for since the last call, each with the digest that was given.
  std::map<std::string, std::string> take_asked();

 private:
  struct Memory;
  std::string digest_of(const std::string& path);
  std::string remembered(const std::string& name, const std::string& print);  // "": not
  void remember(const std::string& name, const std::string& print, const std::string& digest);
  void write_remembered();
  std::string database_;
  std::map<std::string, std::string> asked_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace atp
