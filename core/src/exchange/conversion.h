#pragma once

#include "engine/engine.h"
#include "exchange/adapter.h"

// From one format to another, through the form that they share.
namespace atp {

// Throws RecipeError where the format is not known, FormatError where the files are not what it says.
Adapter read_adapter(const AdapterFile& file);
AdapterSummary summary_of(const AdapterFile& file, const Adapter& adapter);
// Throws RecipeError where the format is not known, or is only read.
void require_written(const std::string& format);
// The same, and with the reason where the format does not hold the adapter.
void write_adapter(Adapter adapter, const AdapterTarget& target);

}  // namespace atp
