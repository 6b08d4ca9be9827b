#pragma once

#include <functional>
#include <memory>
#include <string>

#include "atp/export.h"
#include "atp/registry.h"
#include "atp/value.h"

namespace atp {

// A reader of data files that are no text and need a library of their own. It is offered under the form's name, as in
// "parquet", and loaded when a task's file has that form. EXAMPLE: plugins/readers/parquet.
class ATP_EXPORT RowReader {
 public:
  virtual ~RowReader();
  // Hands out the rows of the file at `path`, in its order and a few at a time: a map from columns to values, with
  // `name` and the row's number from 1 as its origin's file and line. Throws DataError, with `name` as its file.
  virtual void read(const std::string& path, const std::string& name,
                    const std::function<void(Value fields)>& row) const = 0;
};

template <>
struct Interface<RowReader> {
  static constexpr const char* kind = "reader";
  using Make = std::shared_ptr<const RowReader>(const Params&);
};

}  // namespace atp
