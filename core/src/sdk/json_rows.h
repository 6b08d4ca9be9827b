#pragma once

#include <string>

#include "sdk/readers.h"

// Rows out of JSON: one object a line, or the items of one document's list.
namespace atp {

void visit_json_lines(ByteSource& bytes, const std::string& name, const RowSink& sink);
// A document, or one object a line under a document's name; `bytes` without a byte-order mark. The document is never in
// memory as a whole, one row is.
void visit_json(ByteSource& bytes, const std::string& name, const RowSink& sink);

}  // namespace atp
