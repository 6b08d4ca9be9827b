#include "atp/metric.h"

namespace atp {

Metric::~Metric() = default;

}  // namespace atp
