#pragma once

#include <string>

#include "atp/error.h"
#include "atp/export.h"

namespace atp {

// A row has no column of this name; whoever reads rows that lack their answers gives it one.
class ATP_EXPORT MissingColumn : public DataError {
 public:
  MissingColumn(const Origin& origin, const std::string& message, std::string column);
  ~MissingColumn() override;
  const std::string& column() const { return column_; }

 private:
  std::string column_;
};

}  // namespace atp
