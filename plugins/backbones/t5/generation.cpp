#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/full.h>

#include "t5.h"

// Greedy decoding with a cache: what attention needs of the encoder's output is made once (keys and values, or the
// states themselves where they are absorbed), and the decoder sees one new token a step.
namespace atp::t5 {

std::vector<std::vector<std::int32_t>> T5::generate(const Encoded& encoded, std::int64_t max_tokens,
                                                    const Pass& pass) const {
  const at::NoGradGuard no_gradient;
  const Run run(pass, sites_, &encoded);
  const std::int64_t rows = encoded.states.size(0);
  std::vector<std::vector<std::int32_t>> generated(static_cast<std::size_t>(rows));
  std::vector<bool> done(generated.size(), false);
  std::size_t running = generated.size();
  DecoderCache cache(max_tokens);
  at::Tensor ids =
      at::full({rows, 1}, config_.start_token, at::TensorOptions().dtype(at::kLong).device(encoded.states.device()));
  for (std::int64_t step = 0; step < max_tokens && running > 0; ++step) {
    const at::Tensor scores = head(decoder_.step(embed(ids), encoded, cache, run), run);
    ids = at::argmax(scores, -1);
    const at::Tensor known = ids.to(at::kCPU).contiguous();  // the one wait of a step
    for (std::size_t row = 0; row < generated.size(); ++row) {
      const std::int64_t id = known.const_data_ptr<std::int64_t>()[row];
      if (done[row]) continue;
      if (id == config_.end_token) {
        done[row] = true;
        --running;
      } else {
        generated[row].push_back(static_cast<std::int32_t>(id));
      }
    }
  }
  return generated;
}

}  // namespace atp::t5
