#pragma once

#include <string>

#include "atp/registry.h"
#include "engine/engine.h"

// What the program gives to the library of tests.
struct Workplace {
  atp::Engine& engine;  // on the device
  const atp::Registry& registry;
  std::string device;  // "cuda" or "cpu"
};

using RunGpuTests = int(const Workplace& workplace, int count, const char* const* arguments);
