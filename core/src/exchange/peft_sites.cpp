// What PEFT attaches to linear maps, by the checkpoint's names of them:
//   LORA  base_model.model.SITE.lora_A.weight [r, in], …lora_B.weight [out, r]; the update is scaled by alpha / r
//   IA3   base_model.model.SITE.ia3_l, [out, 1] for keys and values, [1, in] for the input of wo
#include <cmath>
#include <set>

#include "atp/error.h"
#include "exchange/peft.h"

namespace atp::exchange {

namespace {

const std::string prefix = "base_model.model.";

// SITE of a name that is prefix + SITE + ending; "" of any other.
std::string site_of(const std::string& name, const std::string& ending) {
  if (!name.starts_with(prefix) || !name.ends_with(ending) || name.size() <= prefix.size() + ending.size()) return "";
  return name.substr(prefix.size(), name.size() - prefix.size() - ending.size());
}

// "q" of "encoder.block.0.layer.0.SelfAttention.q"
std::string last_part(const std::string& site) { return site.substr(site.rfind('.') + 1); }

[[noreturn]] void fail(const PeftFiles& files, const std::string& message) {
  throw FormatError(Origin{files.tensors().path(), 0, 0}, message);
}

Value list_of(const std::set<std::string>& names) {
  Value list = Value::list();
  for (const auto& name : names) list.push_back(name);
  return list;
}

// The sites that have a tensor of this ending in a result.
std::set<std::string> sites_with(const Adapter& adapter, const std::string& ending) {
  std::set<std::string> sites;
  for (const auto& [name, tensor] : adapter.tensors)
    if (name.ends_with(ending)) sites.insert(name.substr(0, name.size() - ending.size()));
  return sites;
}

const at::Tensor& tensor_of(const Adapter& adapter, const std::string& name) {
  const auto found = adapter.tensors.find(name);
  if (found == adapter.tensors.end()) refuse(adapter, "peft", "there is no tensor '" + name + "'");
  return found->second;
}

void require_matrices(const Adapter& adapter) {
  for (const auto& [name, tensor] : adapter.tensors)
    if (tensor.dim() > 2)
      refuse(adapter, "peft",
             "'" + name + "' has a part for each task " + shape_text(tensor.sizes()) +
                 ", and an adapter of PEFT is of one");
}

// The base weights are the checkpoint's own. PEFT's other first values subtract what A and B start from, or put a
// quantised approximation in their place; converted to a plain adapter (path_initial_model_for_weight_conversion), the
// config says true.
void require_untouched_base(const PeftFiles& files) {
  const Value* initial = files.find("init_lora_weights");
  if (!initial || initial->is_boolean()) return;
  for (const char* plain : {"gaussian", "eva", "orthogonal", "mica"})
    if (*initial == Value(plain)) return;
  files.fail("'init_lora_weights' is " + to_json(*initial) +
             ": such a training changes the weights that the adapter is added to, and the files do not hold those; "
             "expected true, false, gaussian, eva, orthogonal or mica. PEFT writes it as a plain adapter: "
             "save_pretrained(…, path_initial_model_for_weight_conversion=…)");
}

void require_plain(const PeftFiles& files) {
  files.require_default("modules_to_save", Value());
  files.require_default("fan_in_fan_out", false);
}

}  // namespace

Adapter read_lora(const PeftFiles& files) {
  require_plain(files);
  files.require_default("bias", "none");
  for (const char* key : {"use_dora", "lora_bias", "use_qalora"}) files.require_default(key, false);
  for (const char* key :
       {"rank_pattern", "alpha_pattern", "trainable_token_indices", "target_parameters", "layer_replication",
        "alora_invocation_tokens", "arrow_config", "use_bdlora", "kasa_config", "monteclora_config"})
    files.require_default(key, Value());
  require_untouched_base(files);
  const auto rank = files.needed_count("r");
  double alpha = files.number("lora_alpha").value_or(8);
  const Value* stabilised = files.find("use_rslora");
  if (stabilised && *stabilised == Value(true)) alpha *= std::sqrt(static_cast<double>(rank));  // alpha / √r

  Adapter adapter{{.method = "lora"}};
  read_metadata(files.tensors(), adapter);
  std::set<std::string> targets;
  for (const auto& entry : files.tensors().entries()) {
    const std::string a = site_of(entry.name, ".lora_A.weight"), b = site_of(entry.name, ".lora_B.weight");
    if (a.empty() && b.empty())
      fail(files, "tensor '" + entry.name + "' " + shape_text(entry.shape) +
                      " is none that PEFT's LORA has on linear maps: expected " + prefix +
                      "SITE.lora_A.weight [r, in] and …lora_B.weight [out, r]");
    const std::string other = prefix + (a.empty() ? b + ".lora_A.weight" : a + ".lora_B.weight");
    if (!files.tensors().find(other)) fail(files, "tensor '" + entry.name + "' is there, and '" + other + "' is not");
    const auto shape = a.empty() ? std::vector<std::int64_t>{-1, rank} : std::vector<std::int64_t>{rank, -1};
    adapter.tensors.emplace(a.empty() ? b + ".lora_B" : a + ".lora_A", numbers_in(files.tensors(), entry.name, shape));
    targets.insert(last_part(a.empty() ? b : a));
  }
  if (adapter.tensors.empty()) fail(files, "no tensors; expected lora_A and lora_B of some linear maps");
  adapter.options.set("rank", rank);
  adapter.options.set("alpha", alpha);
  if (const Value* dropout = files.find("lora_dropout")) {
    if (!dropout->is_number() || !(dropout->number() >= 0 && dropout->number() < 1))
      files.fail("'lora_dropout' is " + to_json(*dropout) + "; expected a number from 0, below 1");
    adapter.options.set("lora_dropout", *dropout);
  }
  adapter.options.set("targets", list_of(targets));
  return adapter;
}

PeftContents lora_of(const Adapter& adapter) {
  require_matrices(adapter);
  const auto sites = sites_with(adapter, ".lora_A");
  if (sites.empty()) refuse(adapter, "peft", "there is no tensor SITE.lora_A");
  const auto rank = tensor_of(adapter, *sites.begin() + ".lora_A").size(0);
  const Value* alpha = adapter.options.find("alpha");
  if (!alpha || !alpha->is_number()) refuse(adapter, "peft", "its alpha is not known");
  PeftContents contents;
  contents.config.set("r", rank);
  contents.config.set("lora_alpha", std::floor(alpha->number()) == alpha->number()
                                        ? Value(static_cast<std::int64_t>(alpha->number()))
                                        : *alpha);
  const Value* dropout = adapter.options.find("lora_dropout");
  contents.config.set("lora_dropout", dropout ? *dropout : Value(0.0));
  contents.config.set("bias", "none");
  contents.config.set("fan_in_fan_out", false);
  contents.config.set("target_modules", list_of(sites));  // whole names: no others end so
  for (const auto& site : sites) {
    contents.tensors.emplace(prefix + site + ".lora_A.weight", tensor_of(adapter, site + ".lora_A"));
    contents.tensors.emplace(prefix + site + ".lora_B.weight", tensor_of(adapter, site + ".lora_B"));
  }
  return contents;
}

Adapter read_ia3(const PeftFiles& files) {
  require_plain(files);
  Adapter adapter{{.method = "ia3"}};
  read_metadata(files.tensors(), adapter);
  for (const auto& entry : files.tensors().entries()) {
    const std::string site = site_of(entry.name, ".ia3_l"), part = last_part(site);
    if (site.empty() || (part != "k" && part != "v" && part != "wo"))
      fail(files, "tensor '" + entry.name + "' " + shape_text(entry.shape) + " is none that atp's ia3 has: expected " +
                      prefix + "SITE.ia3_l [out, 1] for k and v, [1, in] for wo (as feedforward_modules)");
    const auto shape = part == "wo" ? std::vector<std::int64_t>{1, -1} : std::vector<std::int64_t>{-1, 1};
    adapter.tensors.emplace(site + ".ia3", numbers_in(files.tensors(), entry.name, shape).flatten());
  }
  if (adapter.tensors.empty()) fail(files, "no tensors; expected ia3_l of some linear maps");
  return adapter;
}

PeftContents ia3_of(const Adapter& adapter) {
  for (const auto& [name, tensor] : adapter.tensors)
    if (tensor.dim() != 1)
      refuse(adapter, "peft", "'" + name + "' is no vector of scalings, but " + shape_text(tensor.sizes()));
  const auto sites = sites_with(adapter, ".ia3");
  if (sites.empty()) refuse(adapter, "peft", "there is no tensor SITE.ia3");
  std::set<std::string> forward;
  PeftContents contents;
  for (const auto& site : sites) {
    const bool scales_input = last_part(site) == "wo";
    if (scales_input) forward.insert(site);
    contents.tensors.emplace(prefix + site + ".ia3_l",
                             tensor_of(adapter, site + ".ia3").unsqueeze(scales_input ? 0 : 1));
  }
  contents.config.set("target_modules", list_of(sites));
  contents.config.set("feedforward_modules", list_of(forward));
  contents.config.set("fan_in_fan_out", false);
  return contents;
}

}  // namespace atp::exchange
