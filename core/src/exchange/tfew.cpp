// T-Few's IA3 (r-three/t-few): a dict of SITE.multi_lora_b, [out, 1] at keys and values, [d_ff, 1] at wi_1. What scales
// the output of wi_1 scales the input of wo, whose other factor is the gate: gelu(wi_0 x) ⊙ (l ⊙ wi_1 x).
#include <filesystem>

#include "atp/error.h"
#include "exchange/format.h"

namespace atp::exchange {

namespace {

const std::string ending = ".multi_lora_b";

// The site of atp that a name of T-Few's means.
std::string site_of(const std::string& name) {
  std::string site = name.substr(0, name.size() - ending.size());
  if (site.ends_with(".wi_1")) site.replace(site.size() - 4, 4, "wo");
  return site;
}

}  // namespace

bool is_tfew(const std::string& path) {
  if (std::filesystem::path(path).extension() != ".pt") return false;
  const TensorFile file(path);
  return !file.entries().empty() && file.entries().front().name.ends_with(ending);
}

Adapter read_tfew(const std::string& path) {
  const TensorFile file(path);
  Adapter adapter{{.method = "ia3"}};
  for (const auto& entry : file.entries()) {
    if (!entry.name.ends_with(ending))
      throw FormatError(Origin{path, 0, 0}, "tensor '" + entry.name + "' " + shape_text(entry.shape) +
                                                " is none that T-Few's IA3 has: expected SITE.multi_lora_b [width, 1]");
    const bool known = entry.name.ends_with(".k" + ending) || entry.name.ends_with(".v" + ending) ||
                       entry.name.ends_with(".wi_1" + ending);
    if (!known)
      throw FormatError(Origin{path, 0, 0},
                        "tensor '" + entry.name + "' scales no keys, values or wi_1 (the gated T5's)");
    adapter.tensors.emplace(site_of(entry.name) + ".ia3", numbers_in(file, entry.name, {-1, 1}).squeeze(1));
  }
  return adapter;
}

}  // namespace atp::exchange
