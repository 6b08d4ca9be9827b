#include "data/listed_documents.h"

#include <boost/filesystem.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "atp/value.h"
#include "atp/words.h"
#include "data/archive.h"
#include "data/spill_file.h"

namespace atp {

namespace {

constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t longest_list = std::size_t{1} << 28;  // a JSON list is in memory while it is read

std::string path_of(const DataPart& folder, const std::string& name) { return folder.path + "/" + name; }

std::string reason_of(const Error& error) {
  std::string reason = error.what();
  if (const auto place = error.origin().text() + ": "; reason.starts_with(place)) reason.erase(0, place.size());
  return reason;
}

// What is no JSON, with its place.
[[noreturn]] void refuse_json(const std::string& text, const std::string& place) {
  try {
    parse_json(text, place);
  } catch (const FormatError& error) {
    throw DataError(error.origin(), reason_of(error));
  }
  throw DataError({place}, "not JSON");
}

}  // namespace

ListedDocuments::ListedDocuments(const DataFiles& files, ByteSource& list)
    : files_(files), counts_(files.parts.size(), 0) {
  if (files.list->format == Files::Format::json) {
    read_json(list);
  } else {
    read_lines(list);
  }
  index();
}

void ListedDocuments::add(std::string listed, int line) try {
  names_.push_back({{}, line, nowhere});
  require_utf8(listed, files_.list_text(), line);
  std::string& name = names_.back().text;
  name = files_.name_of_listed ? files_.name_of_listed(listed) : std::move(listed);
  if (name.empty() || leads_out(name))
    throw DataError(origin(names_.size() - 1), "'" + name + "' is no name of a document below a folder");
} catch (const DataError& error) {
  faults_.emplace(names_.size() - 1, reason_of(error));
}

void ListedDocuments::read_lines(ByteSource& list) {
  Lines lines(list, files_.list_text());
  for (std::string_view line; lines.next(line);) {
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) add(std::string(line), lines.number());
  }
}

void ListedDocuments::read_json(ByteSource& list) {
  const std::string place = files_.list->text();
  std::string text;
  for (std::string_view chunk = list.next(); !chunk.empty(); chunk = list.next()) {
    text += chunk;
    if (text.size() > longest_list)
      throw DataError({place},
                      "longer than " + std::to_string(longest_list >> 20) + " MiB; a list of names is expected");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  const auto tree = nlohmann::json::parse(text, nullptr, false);
  if (tree.is_discarded()) refuse_json(text, place);
  const nlohmann::json* names = tree.is_array() ? &tree : nullptr;
  std::vector<std::string> keys;
  if (tree.is_object()) {
    for (const auto& [key, value] : tree.items()) {
      keys.push_back(key);
      if (value.is_array() && same_split(key, files_.split)) names = &value;
    }
  }
  if (!names)
    throw DataError({place}, "no list for the split '" + files_.split +
                                 "'; expected a list of names, or a map with one " + "for each split" +
                                 (keys.empty() ? "" : " (found: " + joined(keys) + ")"));
  int number = 0;
  for (const auto& name : *names) {
    ++number;
    if (name.is_string()) {
      add(name.get<std::string>(), number);
      continue;
    }
    names_.push_back({{}, number, nowhere});
    faults_.emplace(names_.size() - 1, std::string("found a ") + name.type_name() + ", expected a name");
  }
}

void ListedDocuments::index() {
  numbers_.reserve(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (faults_.contains(i)) continue;
    const auto [known, is_new] = numbers_.emplace(names_[i].text, i);
    if (is_new) continue;
    const int first = names_[known->second].line;
    faults_.emplace(i, "'" + names_[i].text + "' is listed already, in line " + std::to_string(first));
  }
}

// The first folder that has a document of the name is meant.
void ListedDocuments::find() {
  for (std::uint32_t part = 0; part < files_.parts.size(); ++part) {
    if (!files_.parts[part].entry.empty()) {
      find_in_archive(part);
      continue;
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      boost::system::error_code error;
      if (names_[i].part != nowhere || faults_.contains(i)) continue;
      if (boost::filesystem::is_regular_file(path_of(files_.parts[part], names_[i].text), error)) names_[i].part = part;
    }
  }
}

void ListedDocuments::find_in_archive(std::uint32_t part) {
  const std::string& path = files_.parts[part].path;
  const std::string before = files_.parts[part].entry + "/";
  for (const auto& entry : *archive_entries(path)) {
    if (entry.kind == ArchiveEntry::Kind::other || !entry.name.starts_with(before)) continue;
    const auto found = numbers_.find(std::string_view(entry.name).substr(before.size()));
    if (found == numbers_.end()) continue;
    Name& document = names_[found->second];
    if (document.part == part)
      throw DataError({path}, "it has two entries " + entry.name + "; which one is meant is not known");
    if (document.part != nowhere) continue;
    document.part = part;
    ++counts_[part];
  }
}

std::string ListedDocuments::absent(std::size_t number) const {
  std::vector<std::string> places;
  for (const auto& part : files_.parts) places.push_back(part.text());
  return "'" + names_[number].text + "' is listed here, and there is no such document in " + joined(places);
}

void ListedDocuments::visit(const std::function<void(const Document& document, ByteSource& bytes)>& document,
                            const std::function<void(const DataError& error)>& bad) {
  find();
  std::optional<SpillFile> spill;
  std::vector<std::optional<SpillFile::Piece>> put_by(names_.size());
  std::size_t next = 0;
  const auto hand_out = [&](ByteSource& bytes) {
    const std::string& name = names_[next].text;
    document({origin(next), path_of({files_.parts[names_[next].part].text()}, name), name}, bytes);
    ++next;
  };
  const auto hand_out_ready = [&] {
    while (next < names_.size()) {
      const Name& name = names_[next];
      if (const auto fault = faults_.find(next); fault != faults_.end()) {
        bad(DataError(origin(next++), fault->second));
      } else if (name.part == nowhere) {
        bad(DataError(origin(next), absent(next)));
        ++next;
      } else if (files_.parts[name.part].entry.empty()) {
        FileBytes bytes(path_of(files_.parts[name.part], name.text));
        hand_out(bytes);
      } else if (put_by[next]) {
        SpilledBytes bytes(*spill, *put_by[next]);
        hand_out(bytes);
      } else {
        return;
      }
    }
  };
  hand_out_ready();
  while (next < names_.size()) {
    const std::uint32_t part = names_[next].part;
    const std::string& path = files_.parts[part].path;
    const std::string before = files_.parts[part].entry + "/";
    const auto number_of = [&](const std::string& entry) -> std::optional<std::size_t> {
      if (!entry.starts_with(before)) return std::nullopt;
      const auto found = numbers_.find(std::string_view(entry).substr(before.size()));
      if (found == numbers_.end() || names_[found->second].part != part) return std::nullopt;
      return found->second;
    };
    pass_entries(path, counts_[part], number_of, [&](std::size_t number, ByteSource& bytes) {
      if (number == next) {
        hand_out(bytes);
        return hand_out_ready();
      }
      if (!spill) spill.emplace();
      put_by[number] = spill->append(bytes);
    });
    if (next < names_.size() && names_[next].part == part)
      throw DataError({path}, "no entry " + before + names_[next].text + " in this archive any more");
  }
}

}  // namespace atp
