#include <cmath>

#include "recipe/recipe.h"
#include "recipe/yaml.h"

namespace atp {

namespace {

constexpr std::size_t comment_column = 56;

bool is_scalar(const Value& value) { return !value.is_list() && !value.is_map(); }

// Whether a text can stand without quotes, in a block or a flow list, and is read back as that text.
bool is_plain(const std::string& text) {
  if (text.empty() || text.back() == ' ' || text.starts_with("...")) return false;
  const auto first = static_cast<unsigned char>(text.front());
  if (!std::isalnum(first) && first != '_' && first != '/' && first != '.') return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7E || std::string_view(",[]{}#&*!|>'\"%@`:").find(c) != std::string_view::npos)
      return false;
  }
  try {
    return plain_scalar(text).is_text();
  } catch (const RecipeError&) {
    return false;
  }
}

std::string text_of(const std::string& text) { return is_plain(text) ? text : to_json(Value(text)); }

std::string scalar_of(const Value& value) {
  if (value.is_null()) return "~";
  if (value.is_text()) return text_of(value.text());
  if (value.is_integer() || value.is_boolean()) return value.scalar_text();
  const double number = value.number();
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number < 0 ? "-.inf" : ".inf";
  return value.scalar_text();
}

// A scalar, a list of scalars or an empty map stands on its key's line; an empty text: on lines of its own.
std::string inline_of(const Value& value) {
  if (is_scalar(value)) return scalar_of(value);
  if (value.is_map()) return value.members().empty() ? "{}" : "";
  std::string text;
  for (const auto& item : value.items()) {
    if (!is_scalar(item)) return "";
    text += (text.empty() ? "" : ", ") + scalar_of(item);
  }
  return "[" + text + "]";
}

class Writer {
 public:
  explicit Writer(const std::function<std::string(const Value&)>& comment) : comment_(comment) {}

  // `lead` is what already stands on the first line: "- " of a list that the value is an item of.
  void write(const Value& value, std::size_t indent, const std::string& lead) {
    std::string start = lead;
    if (const auto text = inline_of(value); !text.empty()) {
      line(start + text, value);
    } else if (value.is_map()) {
      for (const auto& [key, member] : value.members()) {
        write_member(key, member, indent, start);
        start = std::string(indent, ' ');
      }
    } else {
      for (const auto& item : value.items()) {
        write(item, indent + 2, start + "- ");
        start = std::string(indent, ' ');
      }
    }
  }

  std::string take() { return std::move(text_); }

 private:
  void write_member(const std::string& key, const Value& value, std::size_t indent, const std::string& start) {
    if (const auto text = inline_of(value); !text.empty()) return line(start + text_of(key) + ": " + text, value);
    text_ += start + text_of(key) + ":\n";
    write(value, indent + 2, std::string(indent + 2, ' '));
  }

  void line(std::string text, const Value& value) {
    if (const auto note = comment_ ? comment_(value) : std::string(); !note.empty()) {
      if (text.size() < comment_column) text.resize(comment_column, ' ');
      text += "  # " + note;
    }
    text_ += text + "\n";
  }

  const std::function<std::string(const Value&)>& comment_;
  std::string text_;
};

}  // namespace

std::string write_yaml(const Value& value, const std::function<std::string(const Value&)>& comment) {
  Writer writer(comment);
  writer.write(value, 0, "");
  return writer.take();
}

}  // namespace atp
