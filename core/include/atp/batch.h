#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace atp {

// Row lengths, known on the host (so that nobody waits for a device to learn them) and on the device.
struct Lengths {
  std::vector<std::int64_t> host;  // B numbers
  at::Tensor device;               // [B] int64
};

// Examples that go through the backbone together. Rows are padded on the right with id 0 and described by lengths.
struct Batch {
  at::Tensor ids;                  // [B, l] int64: source tokens, </s> included
  Lengths lengths;                 // of `ids`
  at::Tensor labels;               // [B, u] int64: target tokens, </s> included
  Lengths label_lengths;           // of `labels`
  at::Tensor tasks;                // [B] int64: index of each row's task among the method's tasks
  std::vector<std::int64_t> rows;  // row numbers in their task's split, for predictions and messages
  // While training, for what is random when a method embeds: a stream of this micro-batch's own.
  std::optional<at::Generator> generator = {};

  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
};

}  // namespace atp
