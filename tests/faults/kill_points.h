#pragma once

#include <string>

// What the fault library tells a program that is linked with it instead of being run under LD_PRELOAD.
namespace faults {

// One call that changes files below ATP_FAULT_ROOT, before it is made ("before"), half made ("within", writes alone) or
// made ("after").
struct Call {
  std::string name;  // "write", "fsync", "rename", "unlink" …
  std::string path;  // of the file that it changes
  long number = 0;   // from 1
};

using Observer = void (*)(const Call& call, const char* when);
void observe(Observer observer);  // nullptr: no more

}  // namespace faults
