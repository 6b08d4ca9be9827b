#pragma once

#include <cstdint>

// Raised whenever a struct or virtual table that plugins see changes. Macros, so that a plugin's stamp can spell them.
#define ATP_ABI_VERSION 5
#if defined(__x86_64__)
#define ATP_ARCHITECTURE "x86_64"
#elif defined(__aarch64__)
#define ATP_ARCHITECTURE "aarch64"
#else
#error "atp runs on x86_64 and aarch64"
#endif

namespace atp {

class Registry;

inline constexpr std::uint32_t abi_version = ATP_ABI_VERSION;

// The one symbol of a plugin, `atp_plugin`; atp_add_plugin writes it.
struct PluginDescriptor {
  std::uint32_t size;  // sizeof(PluginDescriptor) when the plugin was built
  std::uint32_t abi;   // abi_version when the plugin was built
  const char* stamp;   // the tagged text that the host also reads from the file before loading it
  const char* name;
  const char* version;
  void (*register_plugin)(Registry& registry);
};

}  // namespace atp
