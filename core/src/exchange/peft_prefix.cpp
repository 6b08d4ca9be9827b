// PREFIX_TUNING: prompt_embeddings [n, 2·L·w], L pairs of keys and values of width w = heads · d_kv before those of the
// decoder's self-attention. In a result it is `prefix` [n, 2·L, w], by the same order. PEFT splits the pairs for T5 by
// twice the number of submodules (2), so that layer i reads pair 2i mod L: atp's `pairs: peft`.
#include "atp/error.h"
#include "exchange/peft.h"

namespace atp::exchange {

namespace {
const std::string embeddings = "prompt_embeddings";
}

Adapter read_prefix_tuning(const PeftFiles& files) {
  refuse_others(files.tensors(), {{embeddings, ""}}, "PEFT's PREFIX_TUNING");
  if (files.count("num_transformer_submodules").value_or(2) != 2)
    files.fail("'num_transformer_submodules' is not 2, which PEFT gives the prefixes of a T5");
  const auto length = files.needed_count("num_virtual_tokens"), width = files.needed_count("token_dim");
  const auto layers = files.needed_count("num_layers");
  if (layers > 10'000 || width > 1'000'000) files.fail("'num_layers' or 'token_dim' is larger than any model's");
  Adapter adapter{{.method = "prefix_tuning"}};
  read_metadata(files.tensors(), adapter);
  adapter.options.set("prefix_length", length);
  adapter.tensors.emplace(
      "prefix",
      numbers_in(files.tensors(), embeddings, {length, 2 * layers * width}).reshape({length, 2 * layers, width}));
  return adapter;
}

PeftContents prefix_tuning_of(const Adapter& adapter) {
  const auto found = adapter.tensors.find("prefix");
  if (found == adapter.tensors.end() || found->second.dim() != 3)
    refuse(adapter, "peft", "there is no tensor 'prefix' [n, 2·L, width]");
  const Value* pairs = adapter.options.find("pairs");
  if (pairs && !(*pairs == Value("peft")))
    refuse(adapter, "peft",
           "layer i reads pair i of the prefix (pairs: " + to_json(*pairs) +
               "), and in PEFT pair 2i mod L; train with pairs: peft");
  const at::Tensor& prefix = found->second;
  PeftContents contents;
  contents.config.set("num_virtual_tokens", prefix.size(0));
  contents.config.set("num_layers", prefix.size(1) / 2);
  contents.config.set("token_dim", prefix.size(2));
  contents.config.set("num_transformer_submodules", 2);
  contents.config.set("prefix_projection", false);
  contents.tensors.emplace(embeddings, prefix.flatten(1));
  return contents;
}

}  // namespace atp::exchange
