#pragma once

#include "atp/descriptor.h"
#include "atp/export.h"
#include "atp/registry.h"

// A whole plugin:
//
//   #include <atp/plugin.h>
//   #include <atp/task.h>
//   ATP_PLUGIN(registry) { registry.add(my_task()); }
//
// with atp_add_plugin(mine KIND task NAMES my_task SOURCES my_task.cpp) in CMake, which writes the descriptor and the
// stamp.
// NOLINTBEGIN(bugprone-macro-parentheses): a parameter's name cannot stand in parentheses
#define ATP_PLUGIN(registry) \
  extern "C" __attribute__((visibility("hidden"))) void atp_register_plugin(::atp::Registry& registry)
// NOLINTEND(bugprone-macro-parentheses)
