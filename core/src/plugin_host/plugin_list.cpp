#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>

#include "atp/value.h"
#include "atp/words.h"
#include "plugin_host/plugin_host.h"

namespace atp {
namespace {

// What one library offers of one kind; a library that cannot say what it offers has one line without a kind.
struct Line {
  std::string kind;
  std::vector<std::string> names;
  const PluginFile* file;
};

std::vector<Line> lines_of(const PluginHost& host) {
  std::vector<Line> lines;
  for (const auto& file : host.files()) {
    std::map<std::string, std::vector<std::string>> by_kind;
    for (const auto& [kind, name] : file.stamp.offers) by_kind[kind].push_back(name);
    if (by_kind.empty()) by_kind[""];
    for (auto& [kind, names] : by_kind) lines.push_back({kind, names, &file});
  }
  const auto& kinds = plugin_kinds();
  const auto rank = [&](const Line& line) { return std::find(kinds.begin(), kinds.end(), line.kind) - kinds.begin(); };
  std::stable_sort(lines.begin(), lines.end(), [&](const Line& a, const Line& b) { return rank(a) < rank(b); });
  return lines;
}

void print_json(const PluginHost& host, std::ostream& out) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  Value list = Value::list();
  for (const auto& line : lines_of(host)) {
    const auto& file = *line.file;
    Value names = Value::list(), notes = Value::list();
    for (const auto& name : line.names) names.push_back(name);
    for (const auto& note : file.notes) notes.push_back(note);
    Value entry = Value::map();
    entry.set("kind", text_or_null(line.kind));
    entry.set("names", names);
    entry.set("plugin", text_or_null(file.stamp.name));
    entry.set("version", text_or_null(file.stamp.version));
    entry.set("library", file.library);
    entry.set("place", host.places()[file.place].title);
    entry.set("state", file.error.empty() ? "ok" : "error");
    entry.set("error", text_or_null(file.error));
    entry.set("notes", notes);
    list.push_back(entry);
  }
  out << to_json(list, 2) << "\n";
}

// Names with commas between, in lines of at most `width` characters where a name allows it.
std::vector<std::string> wrapped(const std::vector<std::string>& names, std::size_t width) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = names[i] + (i + 1 < names.size() ? "," : "");
    if (!lines.back().empty() && lines.back().size() + 1 + name.size() > width) lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + name;
  }
  return lines;
}

// Kind, plugin and names in columns; the library, whose path may be long, has a line of its own below its names.
void print_table(const std::vector<Line>& lines, std::ostream& out) {
  constexpr std::size_t width_of_names = 64;
  std::vector<std::vector<std::string>> rows = {{"KIND", "PLUGIN", "NAMES"}};
  for (const auto& line : lines) {
    if (!line.file->error.empty()) continue;
    const auto names = wrapped(line.names, width_of_names);
    rows.push_back({line.kind, line.file->stamp.name + " " + line.file->stamp.version, names.front()});
    for (std::size_t i = 1; i < names.size(); ++i) rows.push_back({"", "", names[i]});
    rows.push_back({"", "", line.file->library});
  }
  std::vector<std::size_t> widths(2, 0);
  for (const auto& row : rows)
    for (std::size_t column = 0; column < widths.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < widths.size(); ++column)
      out << std::left << std::setw(static_cast<int>(widths[column]) + 2) << row[column];
    out << row.back() << "\n";
  }
}

void print_text(const PluginHost& host, std::ostream& out) {
  print_table(lines_of(host), out);
  for (const auto& file : host.files())
    for (const auto& note : file.notes) out << "note: " << note << " (in " << file.library << ")\n";
  std::vector<std::string> said;  // two libraries with one name share a message
  for (const auto& file : host.files()) {
    if (file.error.empty() || std::find(said.begin(), said.end(), file.error) != said.end()) continue;
    said.push_back(file.error);
    out << "error: " << file.error << "\n";
  }
  out << "looked in\n";
  for (const auto& place : host.places())
    out << "  " << place.folder << "   (" << place.title << (place.exists ? ")" : "; not there)") << "\n";
}

}  // namespace

void print_plugins(const PluginHost& host, bool json, std::ostream& out) {
  if (json)
    print_json(host, out);
  else
    print_text(host, out);
}

}  // namespace atp
