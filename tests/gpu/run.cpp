#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/gpu/run.h"

#include <doctest/doctest.h>

#include "atp/export.h"
#include "tests/gpu/experiment.h"

namespace {
const Workplace* given = nullptr;
}

atp::TokenRows::~TokenRows() = default;  // the host has it, which this library does not link

const Workplace& workplace() { return *given; }

extern "C" ATP_EXPORT int atp_run_gpu_tests(const Workplace& workplace, int count, const char* const* arguments) {
  given = &workplace;
  return doctest::Context(count, arguments).run();
}
