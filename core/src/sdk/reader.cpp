#include "atp/reader.h"

namespace atp {

RowReader::~RowReader() = default;

}  // namespace atp
