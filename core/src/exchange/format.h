#pragma once

#include <string>
#include <vector>

#include "exchange/adapter.h"

namespace atp {

// A way of keeping a trained method in files. One source file a format (peft: one for each family of its types).
struct Format {
  const char* name;
  const char* summary;
  const char* methods;  // that it can hold, for messages
  bool (*recognises)(const std::string& path);
  Adapter (*read)(const std::string& path);
  // nullptr: only read. Throws RecipeError with the reason for what the format cannot hold, before a file is written.
  void (*write)(const Adapter& adapter, const std::string& path);
};

const std::vector<Format>& formats();
// Throws RecipeError with the nearest name.
const Format& format_called(const std::string& name);
// The one that a file or folder looks like. Throws RecipeError where it is none of them.
const Format& format_of(const std::string& path);

namespace exchange {

// A result of atp: a step's folder, its checkpoint folder, or a tensors.safetensors in one. Written by the engine
// alone, since a result is of a method that was built (engine/result_file.h).
bool is_result(const std::string& path);
Adapter read_result(const std::string& path);

// ATTEMPT's own: a prompt PREFIX.pt, or a folder of prompts and attention layers.
bool is_attempt(const std::string& path);
Adapter read_attempt(const std::string& path);
void write_attempt(const Adapter& adapter, const std::string& path);

// google-research/prompt-tuning: one prompt [m, d] as numpy saves it.
bool is_npy_prompt(const std::string& path);
Adapter read_npy_prompt(const std::string& path);
void write_npy_prompt(const Adapter& adapter, const std::string& path);

// PEFT: a folder of adapter_config.json and adapter_model.safetensors (or .bin).
bool is_peft(const std::string& path);
Adapter read_peft(const std::string& path);
void write_peft(const Adapter& adapter, const std::string& path);

// T-Few: learned scalings of IA3, in one file of torch.save.
bool is_tfew(const std::string& path);
Adapter read_tfew(const std::string& path);

}  // namespace exchange

}  // namespace atp
