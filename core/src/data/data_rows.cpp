#include <algorithm>
#include <memory>
#include <optional>

#include "atp/error.h"
#include "data/archive.h"
#include "data/data_files.h"
#include "data/gzip.h"
#include "data/listed_documents.h"
#include "data/spill_file.h"

// The rows of the files that data_files.cpp found.
namespace atp {

namespace {

using Format = Files::Format;
constexpr std::size_t longest_text = std::size_t{1} << 28;  // a row of a folder of texts is in memory

// Bytes of somebody else.
class Borrowed final : public ByteSource {
 public:
  explicit Borrowed(ByteSource& bytes) : bytes_(bytes) {}
  std::string_view next() override { return bytes_.next(); }

 private:
  ByteSource& bytes_;
};

using PartVisitor = std::function<void(const DataPart& part, ByteSource& bytes)>;

void visit_unpacked(const DataPart& part, ByteSource& bytes, const PartVisitor& visit) {
  if (part.format == Format::texts || !(part.entry.empty() ? part.path : part.entry).ends_with(".gz")) {
    return visit(part, bytes);
  }
  GzipBytes unpacked(std::make_unique<Borrowed>(bytes), part.text());
  visit(part, unpacked);
}

// Each part's bytes; parts of one archive that follow each other are read in one pass over it.
void visit_parts(const std::vector<DataPart>& parts, const PartVisitor& visit) {
  for (auto part = parts.begin(); part != parts.end();) {
    const auto first = part;
    if (part->entry.empty()) {
      FileBytes bytes(part++->path);
      visit_unpacked(*first, bytes, visit);
      continue;
    }
    std::vector<std::string> names;
    for (; part != parts.end() && part->path == first->path && !part->entry.empty(); ++part) {
      names.push_back(part->entry);
    }
    visit_entries(first->path, names, [&](std::size_t index, ByteSource& bytes) {
      visit_unpacked(*(first + static_cast<std::ptrdiff_t>(index)), bytes, visit);
    });
  }
}

// A text's bytes, or a little more than `longest_text` of them.
std::string whole_text(ByteSource& bytes) {
  std::string text;
  for (std::string_view chunk = bytes.next(); !chunk.empty() && text.size() <= longest_text; chunk = bytes.next()) {
    text += chunk;
  }
  return text;
}

// `place` is where the text lies.
Value text_row(const DataFiles& files, const std::string& place, const std::string& name, std::string text) try {
  if (text.size() > longest_text) {
    throw DataError({place}, "longer than " + std::to_string(longest_text >> 20) + " MiB; one text is expected");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  require_utf8(text, place, 1);
  Value::Map fields{{"name", Value(name)}};
  if (files.columns_of_text) {
    for (auto& [column, words] : files.columns_of_text(text)) fields.emplace_back(column, Value(std::move(words)));
  } else {
    fields.emplace_back("text", Value(std::move(text)));
  }
  Value row(std::move(fields));
  row.origin = {place};
  return row;
} catch (const DataError& error) {
  if (error.origin().known()) throw;
  throw DataError({place}, error.what());
}

// Rows stand where the list names their documents.
void visit_listed(const DataFiles& files, const RowSink& sink) {
  std::optional<ListedDocuments> listed;
  visit_parts({*files.list}, [&](const DataPart&, ByteSource& bytes) { listed.emplace(files, bytes); });
  const auto document = [&](const ListedDocuments::Document& one, ByteSource& bytes) {
    std::string text = whole_text(bytes);
    hand_out(sink, [&] {
      try {
        Value row = text_row(files, one.place, one.name, std::move(text));
        row.origin = one.origin;
        return row;
      } catch (const DataError& error) {
        throw DataError(one.origin, error.what());
      }
    });
  };
  listed->visit(document, [&](const DataError& error) {
    if (!sink.bad) throw error;
    sink.bad(error);
  });
}

// Labels of files beside the rows', one a line; put by in a file without a name, as they may come out of an archive.
class LabelLines {
 public:
  explicit LabelLines(const std::vector<DataPart>& parts) {
    for (const auto& part : parts) name_ += (name_.empty() ? "" : ", ") + part.text();
    SpillFile::Piece all;
    visit_parts(parts, [&](const DataPart&, ByteSource& bytes) { all.end = file_.append(bytes).end; });
    bytes_.emplace(file_, all);
    lines_.emplace(*bytes_, name_);
  }

  // The next row's.
  std::string next() {
    std::string_view line;
    if (!lines_->next(line)) {
      throw DataError({name_}, "fewer labels than rows: " + std::to_string(lines_->number()) +
                                   " lines, and there are more rows; one label a row is expected");
    }
    require_utf8(line, name_, lines_->number());
    return std::string(line);
  }
  void require_end() {
    for (std::string_view line; lines_->next(line);) {
      if (line.empty()) continue;
      throw DataError({name_, lines_->number()},
                      "more labels than rows: a label stands here, and there is no row for it; one label a row is "
                      "expected");
    }
  }

 private:
  SpillFile file_;
  std::string name_;
  std::optional<SpilledBytes> bytes_;
  std::optional<Lines> lines_;
};

void require_texts_utf8(const Value& value, const Origin& origin) {
  if (value.is_text()) require_utf8(value.text(), origin.file, origin.line, "text");
  if (value.is_list()) {
    for (const auto& item : value.items()) require_texts_utf8(item, origin);
  } else if (value.is_map()) {
    for (const auto& [key, member] : value.members()) require_texts_utf8(member, origin);
  }
}

// A file that is no text: its reader wants it on the disk.
void visit_parquet(const DataPart& part, ByteSource& bytes, const RowSink& sink, const ReaderOf& reader_of) {
  const auto reader = reader_of ? reader_of("parquet") : nullptr;
  if (!reader) {
    throw DataError({part.text()},
                    "a Parquet file, and this atp was built without its reader: "
                    "tools/setup --parquet && tools/build builds it");
  }
  std::string path = part.path;
  std::optional<SpillFile> unpacked;
  if (!part.entry.empty() || path.ends_with(".gz")) {
    unpacked.emplace().append(bytes);
    path = unpacked->path();
  }
  reader->read(path, part.text(), [&](Value fields) {
    hand_out(sink, [&] {
      require_texts_utf8(fields, fields.origin);
      return std::move(fields);
    });
  });
}

// A column's name in this form becomes what the task calls it; where that is there already, nothing is done.
void rename(Value& fields, const std::vector<std::pair<std::string, std::string>>& renamed) {
  std::vector<std::pair<std::string*, const std::string*>> changes;
  for (const auto& [from, to] : renamed) {
    for (auto& member : fields.members()) {
      if (member.first == from) changes.emplace_back(&member.first, &to);
    }
  }
  for (const auto& [name, to] : changes) {
    const Value* there = fields.find(*to);
    const bool stays = there && std::none_of(changes.begin(), changes.end(),
                                             [&, wanted = to](const auto& change) { return *change.first == *wanted; });
    if (!stays) *name = *to;
  }
}

}  // namespace

void visit_rows(const DataFiles& files, const RowSink& sink, const ReaderOf& reader_of) {
  std::optional<LabelLines> labels;
  if (!files.labels.empty()) labels.emplace(files.labels);
  RowSink inner = sink;
  if (labels || !files.renamed.empty()) {
    inner.complete = [&](Value& fields) {
      if (labels) fields.set("label", labels->next());
      rename(fields, files.renamed);
    };
  }
  if (labels && sink.bad) {
    inner.bad = [&](const DataError& error) {
      labels->next();
      sink.bad(error);
    };
  }
  if (files.list) return visit_listed(files, inner);
  visit_parts(files.parts, [&](const DataPart& part, ByteSource& bytes) {
    if (part.format == Format::texts) {
      std::string text = whole_text(bytes);
      return hand_out(inner, [&] { return text_row(files, part.text(), part.name, std::move(text)); });
    }
    if (part.format == Format::parquet) return visit_parquet(part, bytes, inner, reader_of);
    visit_rows(part.format, bytes, part.text(), files.columns, inner);
  });
  if (labels) labels->require_end();
}

}  // namespace atp
