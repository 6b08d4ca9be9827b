#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/data_files.h"

namespace atp {

// The documents that a list names, in the list's order, wherever and in whatever order they lie. What is in memory
// grows with their number, not with their texts.
class ListedDocuments {
 public:
  // `list`: the bytes of `files.list`. Throws DataError where they are no list.
  ListedDocuments(const DataFiles& files, ByteSource& list);

  struct Document {
    Origin origin;      // its place in the list
    std::string place;  // where it lies, for messages
    const std::string& name;
  };
  // Each archive is read once; what comes out before its turn is put by in a file without a name. One that is not
  // there, listed twice, or has a name that leads out of its folder goes to `bad`.
  void visit(const std::function<void(const Document& document, ByteSource& bytes)>& document,
             const std::function<void(const DataError& error)>& bad);

 private:
  struct Name {
    std::string text;
    int line;  // or the number in a JSON list
    std::uint32_t part;
  };
  void read_lines(ByteSource& list);
  void read_json(ByteSource& list);
  void add(std::string listed, int line);
  void index();
  void find();
  void find_in_archive(std::uint32_t part);
  Origin origin(std::size_t number) const { return {files_.list_text(), names_[number].line}; }
  std::string absent(std::size_t number) const;

  const DataFiles& files_;
  std::vector<Name> names_;
  std::map<std::size_t, std::string> faults_;  // of names
  std::unordered_map<std::string_view, std::size_t> numbers_;
  std::vector<std::size_t> counts_;  // documents of each part
};

}  // namespace atp
