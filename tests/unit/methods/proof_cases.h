#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/methods/on_t5.h"

// The methods and combiners, with the options that they differ by, of which everything in proofs.cpp must hold. A
// method or combiner that is missing here fails a test there.

// `attempt` over two source prompts, or as many as are given.
inline OnT5 mixing(const std::string& combiner, atp::Value::Map combiner_options = {}, atp::Value::Map said = {},
                   std::int64_t sources = 2) {
  said.emplace_back("prompt_length", 3);
  said.emplace_back("source_prompts", "sources");
  const auto* entry = t5_methods().find("combiner", combiner);
  REQUIRE(entry);
  const auto add = [&](const std::string& key, const atp::Value& value) {
    for (const auto& [said_already, ignored] : combiner_options)
      if (said_already == key) return;
    if (entry->options.find(key)) combiner_options.emplace_back(key, value);
  };
  add("rank", 4);
  add("temperature", 2.0);  // weights far from equal
  return {"attempt",      options(std::move(said)),
          {"one", "two"}, {{"source_prompts", sources}},
          combiner,       options(std::move(combiner_options))};
}

inline const std::vector<OnT5>& proof_cases() {
  const auto hyperformer = options({{"reduction", 4}, {"task_width", 3}, {"hidden", 5}, {"projected_width", 4}});
  static const std::vector<OnT5> all = {
      {"fine_tuning"},
      {"prompt_tuning", options({{"prompt_length", 3}})},
      mixing("attempt"),
      mixing("attempt", {}, {{"target_prompt", "none"}}),
      mixing("attempt", {}, {{"target_prompt", "zeros"}}),
      mixing("attempt", {{"temperature", "learned"}}),
      mixing("attempt", {}, {{"train_source_prompts", true}}),
      mixing("attempt", {{"temperature", "pool_norm"}}, {{"target_prompt", "none"}, {"train_source_prompts", true}}),
      mixing("single_prompt", {}, {}, 1),
      mixing("token_level"),
      mixing("token_level", {{"temperature", "pool_norm"}}),
      mixing("linear"),
      mixing("linear", {{"centred_pools", true}}),
      mixing("dot"),
      mixing("no_attention"),
      mixing("smop", {{"noise", 0.5}, {"balancing", 0.1}}),
      mixing("smop", {}, {{"target_prompt", "none"}, {"train_source_prompts", true}}),
      {"spot",
       options({{"prompt_length", 3}, {"similar_to", "own"}, {"source_prompts", "sources"}, {"top_k", 2}}),
       {"one", "two"},
       {{"similar_to", 1}, {"source_prompts", 3}}},
      {"dept", options({{"prompt_length", 3}, {"rank", 2}, {"max_length", 4}})},  // some texts are longer
      {"mpt", options({{"prompt_length", 3}, {"rank", 2}})},
      {"mpt", options({{"prompt_length", 3}, {"teachers", "sources"}}), {"one", "two"}, {{"teachers", 2}}},
      {"hyperdecoder", options({{"bottleneck", 3}, {"hidden", 5}})},
      {"hyperdecoder", options({{"bottleneck", 3}, {"hidden", 5}, {"encoder_mlp", true}, {"encoder_adapters", false}})},
      {"hyperformer", hyperformer},
      {"hyperformer_plus_plus", hyperformer},
      {"bitfit"},
      {"adapter", options({{"reduction", 4}})},
      {"adapter_drop", options({{"reduction", 4}, {"dropped_layers", 0}})},
      {"adapter_fusion", options({{"adapters", "adapters"}, {"reduction", 4}}), {"one"}, {{"adapters", 2}}},
      {"lora", options({{"rank", 3}})},
      {"lora", options({{"rank", 3}, {"lora_dropout", 0.3}})},
      {"ia3"},
      {"prefix_tuning", options({{"prefix_length", 3}})},
  };
  return all;
}
