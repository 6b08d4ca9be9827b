#include "sdk/json_rows.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

#include "sdk/json_tree.h"

namespace atp {

namespace {

using nlohmann::json;

std::string reason_of(const Error& error) {
  std::string reason = error.what();
  const std::string place = error.origin().text() + ": ";
  if (error.origin().known() && reason.starts_with(place)) reason.erase(0, place.size());
  return reason;
}

Value row_of_line(std::string_view text, const std::string& name, int line) {
  JsonTree tree({name, line}, text);
  try {
    json::sax_parse(text.begin(), text.end(), &tree);
  } catch (const Error& error) {
    throw DataError({name, line, error.origin().column}, reason_of(error) + "; expected one JSON object a line");
  }
  Value value = tree.take();
  if (!value.is_map()) {
    throw DataError({name, line}, std::string("one JSON object a line is expected, not a ") + value.type_name());
  }
  return value;
}

// MRQA's files begin with a line that is no row.
bool is_header(std::string_view line, const std::string& name) {
  if (line.find("\"header\"") == std::string_view::npos) return false;
  try {
    const Value row = row_of_line(line, name, 1);
    return row.members().size() == 1 && row.find("header");
  } catch (const DataError&) {
    return false;
  }
}

}  // namespace

void visit_json_lines(ByteSource& bytes, const std::string& name, const RowSink& sink) {
  Lines lines(bytes, name);
  for (std::string_view line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (lines.number() == 1 && is_header(line, name)) continue;
    hand_out(sink, [&] {
      require_utf8(line, name, lines.number());
      return row_of_line(line, name, lines.number());
    });
  }
}

namespace {

// A document's bytes one by one, as nlohmann's parser takes them; counts lines.
struct Characters {
  explicit Characters(ByteSource& from) : bytes(from) { advance(); }
  void advance() {
    if (!chunk.empty()) {
      if (chunk.front() == '\n') ++line;
      chunk.remove_prefix(1);
    }
    if (chunk.empty()) chunk = bytes.next();
  }

  ByteSource& bytes;
  std::string_view chunk;  // empty: the end
  int line = 1;
};

class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  Cursor() = default;
  explicit Cursor(Characters& characters) : characters_(&characters) {}
  char operator*() const { return characters_->chunk.front(); }
  Cursor& operator++() {
    characters_->advance();
    return *this;
  }
  Cursor operator++(int) {
    characters_->advance();
    return *this;
  }
  bool operator==(const Cursor& other) const { return at_end() == other.at_end(); }
  bool operator!=(const Cursor& other) const { return at_end() != other.at_end(); }

 private:
  bool at_end() const { return !characters_ || characters_->chunk.empty(); }
  Characters* characters_ = nullptr;
};

// Hands out the items of the outermost list, or of the outermost map's "data", each as soon as it is read; with
// `members` the values of the outermost map.
class DocumentRows final : public nlohmann::json_sax<json> {
 public:
  DocumentRows(const std::string& name, const Characters& characters, const RowSink& sink, bool members)
      : name_(name), characters_(characters), sink_(sink), rows_depth_(members ? 1 : -1), found_(members) {}

  bool found() const { return found_; }

  bool null() override {
    return scalar(Value(), [](JsonTree& tree) { return tree.null(); });
  }
  bool boolean(bool value) override {
    return scalar(value, [&](JsonTree& tree) { return tree.boolean(value); });
  }
  bool number_integer(number_integer_t value) override {
    return scalar(0, [&](JsonTree& tree) { return tree.number_integer(value); });
  }
  bool number_unsigned(number_unsigned_t value) override {
    return scalar(0, [&](JsonTree& tree) { return tree.number_unsigned(value); });
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return scalar(0.0, [&](JsonTree& tree) { return tree.number_float(value, text); });
  }
  bool string(string_t& value) override {
    return scalar("", [&](JsonTree& tree) { return tree.string(value); });
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t count) override {
    if (!tree_ && among_rows()) tree_ = std::make_unique<JsonTree>(here());
    if (tree_) return open_in_tree([&] { return tree_->start_object(count); });
    return open_outside();
  }
  bool start_array(std::size_t count) override {
    if (!tree_ && among_rows()) tree_ = std::make_unique<JsonTree>(here());
    if (tree_) return open_in_tree([&] { return tree_->start_array(count); });
    if (!found_ && (depth_ == 0 || (depth_ == 1 && key_ == "data"))) {
      found_ = true;
      rows_depth_ = depth_ + 1;
    }
    return open_outside();
  }
  bool key(string_t& value) override {
    if (tree_) return tree_->origin.line = characters_.line, tree_->key(value);
    key_ = depth_ == 1 ? value : "";
    return true;
  }
  bool end_object() override {
    return close([](JsonTree& tree) { return tree.end_object(); });
  }
  bool end_array() override {
    return close([](JsonTree& tree) { return tree.end_array(); });
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    throw DataError(here(), json_fault(error) + "; expected one JSON document");
  }

 private:
  Origin here() const { return {name_, characters_.line}; }
  bool among_rows() const { return found_ && depth_ == rows_depth_; }

  template <class Put>
  bool scalar(const Value& like, const Put& put) {
    if (tree_) return tree_->origin.line = characters_.line, put(*tree_);
    if (among_rows()) bad(std::string("one JSON object a row is expected, not a ") + like.type_name());
    return true;
  }
  template <class Open>
  bool open_in_tree(const Open& open) {
    tree_->origin.line = characters_.line;
    return open();
  }
  bool open_outside() {
    if (++depth_ > 200) throw DataError(here(), "not read: nested more than 200 levels deep");
    return true;
  }
  template <class Close>
  bool close(const Close& close) {
    if (!tree_) {
      if (found_ && depth_ == rows_depth_) rows_depth_ = -1;  // the list of rows ends; what follows is none
      --depth_;
      return true;
    }
    close(*tree_);
    if (tree_->closed()) finish();
    return true;
  }
  void finish() {
    Value value = tree_->take();
    tree_.reset();
    if (!value.is_map()) return bad(std::string("one JSON object a row is expected, not a ") + value.type_name());
    hand_out(sink_, [&] { return std::move(value); });
  }
  void bad(const std::string& message) {
    const DataError error(here(), message);
    if (!sink_.bad) throw error;
    sink_.bad(error);
  }

  const std::string& name_;
  const Characters& characters_;
  const RowSink& sink_;
  std::unique_ptr<JsonTree> tree_;  // the row that is being read
  std::string key_;                 // of the outermost map
  int depth_ = 0;
  int rows_depth_;
  bool found_;
};

void visit_document(ByteSource& bytes, const std::string& name, const RowSink& sink, bool members) {
  Characters characters(bytes);
  DocumentRows rows(name, characters, sink, members);
  try {
    json::sax_parse(Cursor(characters), Cursor(), &rows);
  } catch (const FormatError& error) {
    throw DataError({name, error.origin().line}, reason_of(error));
  }
  if (rows.found()) return;
  throw DataError(
      {name},
      "no rows: a JSON document is expected whose outermost list, or outermost map's \"data\", holds them, or a "
      "map of maps");
}

// Bytes whose beginning can be looked at before they are read.
class BegunBytes final : public ByteSource {
 public:
  explicit BegunBytes(ByteSource& bytes) : bytes_(bytes) {
    constexpr std::size_t enough = std::size_t{1} << 20;
    for (std::string_view chunk = bytes_.next(); !chunk.empty(); chunk = bytes_.next()) {
      beginning_ += chunk;
      if (beginning_.size() >= enough) break;
    }
  }
  const std::string& beginning() const { return beginning_; }
  std::string_view next() override {
    if (std::exchange(read_, true) || beginning_.empty()) return bytes_.next();
    return beginning_;
  }

 private:
  ByteSource& bytes_;
  std::string beginning_;
  bool read_ = false;
};

// Whether a first line is a whole object, and more follows it.
bool is_json_lines(std::string_view text) {
  std::size_t at = text.find_first_not_of(" \t\r\n");
  if (at == std::string_view::npos || text[at] != '{') return false;
  bool in_string = false;
  for (int depth = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') return false;
    if (in_string && c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      ++depth;
    } else if (!in_string && (c == '}' || c == ']') && --depth == 0) {
      break;
    }
  }
  const std::string_view rest = text.substr(std::min(at + 1, text.size()));
  const std::size_t more = rest.find_first_not_of(" \t\r\n");
  return more != std::string_view::npos && rest.substr(0, more).find('\n') != std::string_view::npos;
}

// Whether a document is a map of rows, as DROP's passages by their names: its first member is a map, and no "data" is
// among the first.
bool is_map_of_rows(std::string_view text) {
  const auto next = [&](std::size_t from) { return std::min(text.find_first_not_of(" \t\r\n", from), text.size()); };
  std::size_t at = next(0);
  if (at == text.size() || text[at] != '{') return false;
  std::string_view string;
  bool is_first = true;
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      const std::size_t start = ++at;
      while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
      string = text.substr(start, std::min(at, text.size()) - start);
    } else if (c == ':' && depth == 1) {
      if (string == "data") return false;
      const std::size_t value = next(at + 1);
      if (std::exchange(is_first, false) && (value == text.size() || text[value] != '{')) return false;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return !is_first;
}

}  // namespace

void visit_json(ByteSource& bytes, const std::string& name, const RowSink& sink) {
  BegunBytes begun(bytes);
  if (is_json_lines(begun.beginning())) return visit_json_lines(begun, name, sink);
  visit_document(begun, name, sink, is_map_of_rows(begun.beginning()));
}

}  // namespace atp
