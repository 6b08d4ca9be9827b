#include "recipe/yaml_brackets.h"

#include <algorithm>
#include <string>
#include <vector>

namespace atp {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Goes through a text as far as brackets need it: quotes, comments, texts in blocks and plain scalars are passed over.
class BracketReader {
 public:
  explicit BracketReader(std::string_view text) : text_(text) {}

  std::optional<BracketFault> fault() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#' && (at_ == 0 || is_space(text_[at_ - 1])))
        skip_line();
      else if (is_space(c) || is_mark(c))
        ++at_;
      else if (c == '&' || c == '!' || c == '*')
        skip_word();
      else if (c == '"' || c == '\'') {
        if (!skip_quoted(c)) return {};  // then the quote is the mistake
      } else if (c == '[' || c == '{')
        open_.push_back(at_++);
      else if (c == ']' || c == '}') {
        if (!closes(c)) return wrong_close(c);
        open_.pop_back();
        ++at_;
      } else if (open_.empty() && (c == '|' || c == '>'))
        skip_block();
      else
        skip_plain();
    }
    if (open_.empty()) return {};
    return BracketFault{text_[open_.front()], open_.front()};
  }

 private:
  // What stands before a value: "- ", "? ", ": ", and between brackets a comma.
  bool is_mark(char c) const {
    const bool ends_word = at_ + 1 == text_.size() || is_space(text_[at_ + 1]);
    if ((c == '-' || c == '?' || c == ':') && ends_word) return true;
    return !open_.empty() && (c == ',' || c == ':');
  }

  static bool ends_flow_value(char c) { return std::string_view(",[]{}").find(c) != std::string_view::npos; }
  bool closes(char c) const { return !open_.empty() && text_[open_.back()] == (c == ']' ? '[' : '{'); }
  BracketFault wrong_close(char c) const {
    if (open_.empty()) return {c, at_};
    return {c, at_, text_[open_.back()], open_.back()};
  }

  void skip_line() { at_ = std::min(text_.size(), text_.find('\n', at_)); }

  // An anchor, an alias or a tag.
  void skip_word() {
    while (at_ < text_.size() && !is_space(text_[at_]) && (open_.empty() || !ends_flow_value(text_[at_]))) ++at_;
  }

  // False where it is never closed. '' inside single quotes closes one text and begins the next.
  bool skip_quoted(char quote) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (quote == '"' && text_[at_] == '\\')
        ++at_;
      else if (text_[at_] == quote)
        return ++at_, true;
    }
    return false;
  }

  // A literal or folded text: all lines that are indented further than the one that announces it.
  void skip_block() {
    const std::size_t start = text_.rfind('\n', at_) + 1;  // npos + 1 is 0
    const std::size_t indent = text_.find_first_not_of(" -", start) - start;
    skip_line();
    while (at_ < text_.size()) {
      const std::size_t first = text_.find_first_not_of(' ', at_ + 1);
      const bool is_blank = first != std::string_view::npos && (text_[first] == '\n' || text_[first] == '\r');
      if (first == std::string_view::npos || (!is_blank && first - at_ - 1 < indent + 1)) return;
      at_ = std::min(text_.size(), text_.find('\n', first));
    }
  }

  // To the end of the line, ": " or " #"; between brackets also to what ends a value there.
  void skip_plain() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      const bool ends_word = at_ + 1 == text_.size() || is_space(text_[at_ + 1]);
      if (c == '\n' || (c == ':' && ends_word) || (c == '#' && is_space(text_[at_ - 1]))) return;
      if (!open_.empty() && ends_flow_value(c)) return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::size_t> open_;
};

}  // namespace

std::optional<BracketFault> bracket_fault(std::string_view text) { return BracketReader(text).fault(); }

}  // namespace atp
