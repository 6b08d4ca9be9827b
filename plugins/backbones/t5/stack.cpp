#include "stack.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>

namespace atp::t5 {

namespace {

std::string block_name(const std::string& stack, std::int64_t layer) {
  return stack + ".block." + std::to_string(layer) + ".layer.";
}

Builder in_decoder(Builder builder) {
  builder.decoder = true;
  return builder;
}

template <class Block>
std::vector<Block> build_blocks(Builder& builder, const std::string& stack, std::int64_t count) {
  std::vector<Block> blocks;
  for (builder.layer = 0; builder.layer < count; ++builder.layer)
    blocks.emplace_back(builder, block_name(stack, builder.layer));
  return blocks;
}

}  // namespace

Sublayer::Sublayer(Builder& builder, const std::string& name, std::int64_t width)
    : norm(builder, name + ".layer_norm"), site(builder.site(name, Site::Kind::sublayer, width, width)) {}

Encoder::Block::Block(Builder& builder, const std::string& name)
    : attention(builder.in(Site::Part::self_attention), name + "0.SelfAttention"),
      attends(builder, name + "0", builder.config.width),
      feed_forward(builder.in(Site::Part::feed_forward), name + "1.DenseReluDense"),
      feeds(builder, name + "1", builder.config.width) {}

Encoder::Encoder(Builder builder)
    : bias_(builder, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
      blocks_(build_blocks<Block>(builder, "encoder", builder.config.encoder_layers)),
      final_norm_(builder.in(Site::Part::none), "encoder.final_layer_norm") {}

namespace {

// Where the tokens of rows [B, L] stand among the B · L places.
at::Tensor places_of(const std::vector<std::int64_t>& lengths, std::int64_t length) {
  at::Tensor places =
      at::empty({std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})}, at::TensorOptions(at::kLong));
  auto* place = places.mutable_data_ptr<std::int64_t>();
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    std::iota(place, place + lengths[row], static_cast<std::int64_t>(row) * length);
    place += lengths[row];
  }
  return places;
}

}  // namespace

// On a CPU time goes with the tokens, so rows are laid end to end and padding is left out: a fifth to a half of a batch
// in the order of its file. A GPU would rather have few large kernels, and what is attached to sites sees [B, L, d].
at::Tensor Encoder::without_padding(const Embedded& input, const Run& run) const {
  const auto& lengths = input.lengths.host;
  const ScoreBias bias = bias_(*std::max_element(lengths.begin(), lengths.end()));
  const at::Tensor all = input.values.flatten(0, 1), places = places_of(lengths, input.values.size(1));
  at::Tensor states = run.drop(all.index_select(0, places));
  for (const Block& block : blocks_) {
    states = block.attends(states, run,
                           [&](const at::Tensor& normed) { return block.attention.among(normed, lengths, bias, run); });
    states = block.feeds(states, run, [&](const at::Tensor& normed) { return block.feed_forward(normed, run); });
  }
  states = run.drop(final_norm_(states, run));
  return at::zeros(all.sizes(), states.options()).index_copy(0, places, states).view(input.values.sizes());
}

at::Tensor Encoder::operator()(const Embedded& input, const Run& run) const {
  const std::int64_t length = input.values.size(1);
  const at::Tensor open = open_positions(input.lengths, length);
  if (open.defined() && input.values.is_cpu() && !run.has_sites()) return without_padding(input, run);
  const ScoreBias bias = close(bias_(length), open, input.values.scalar_type());
  at::Tensor states = run.drop(input.values);
  for (const Block& block : blocks_) {
    states = block.attends(states, run, [&](const at::Tensor& normed) {
      const KeysValues seen = block.attention.look_at(normed, run);
      return block.attention(normed, seen, bias_.widen(bias, seen.prefix), run);
    });
    states = block.feeds(states, run, [&](const at::Tensor& normed) { return block.feed_forward(normed, run); });
  }
  return run.drop(final_norm_(states, run));
}

Decoder::Block::Block(Builder& builder, const std::string& name)
    : self_attention(builder.in(Site::Part::self_attention), name + "0.SelfAttention"),
      attends_self(builder, name + "0", builder.config.width),
      cross_attention(builder.in(Site::Part::cross_attention), name + "1.EncDecAttention"),
      attends_cross(builder, name + "1", builder.config.width),
      feed_forward(builder.in(Site::Part::feed_forward), name + "2.DenseReluDense"),
      feeds(builder, name + "2", builder.config.width) {}

Decoder::Decoder(Builder builder)
    : bias_(in_decoder(builder), "decoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
      blocks_([&] {
        Builder own = in_decoder(builder);
        return build_blocks<Block>(own, "decoder", builder.config.decoder_layers);
      }()),
      final_norm_([&] {
        Builder own = in_decoder(builder);
        own.layer = builder.config.decoder_layers;
        return Norm(own, "decoder.final_layer_norm");
      }()) {}

at::Tensor Decoder::operator()(const at::Tensor& embedded, const Encoded& encoded, const Run& run) const {
  const ScoreBias bias = close_later(bias_(embedded.size(1)));
  const ScoreBias padding = close({}, open_positions(encoded.lengths, encoded.states.size(1)), embedded.scalar_type());
  const bool absorbs = can_absorb(embedded.size(1), run);
  at::Tensor states = run.drop(embedded);
  for (const Block& block : blocks_) {
    states = block.attends_self(states, run, [&](const at::Tensor& normed) {
      const KeysValues seen = block.self_attention.look_at(normed, run);
      return block.self_attention(normed, seen, bias_.widen(bias, seen.prefix), run);
    });
    states = block.attends_cross(states, run, [&](const at::Tensor& normed) {
      if (absorbs) return block.cross_attention.absorbed(normed, encoded.states, padding, run);
      const KeysValues seen = block.cross_attention.look_at(encoded.states, run);
      return block.cross_attention(normed, seen, widen(padding, seen.prefix), run);
    });
    states = block.feeds(states, run, [&](const at::Tensor& normed) { return block.feed_forward(normed, run); });
  }
  return run.drop(final_norm_(states, run));
}

bool Decoder::can_absorb(std::int64_t queries, const Run& run) const {
  for (const Block& block : blocks_)
    if (!block.cross_attention.can_absorb(queries, run)) return false;
  return true;
}

void Decoder::start(const Encoded& encoded, DecoderCache& cache, const Run& run) const {
  cache.bias = bias_(cache.capacity);
  cache.padding = close({}, open_positions(encoded.lengths, encoded.states.size(1)), encoded.states.scalar_type());
  cache.before.resize(blocks_.size());
  if (can_absorb(cache.capacity, run)) return;
  for (const Block& block : blocks_) cache.seen.push_back(block.cross_attention.look_at(encoded.states, run));
}

namespace {

// Puts the new positions behind the known ones and gives all of them.
KeysValues remember(KeysValues& known, const KeysValues& added, std::int64_t length, std::int64_t capacity) {
  if (length == 0) {
    const auto& sizes = added.keys.sizes();
    const std::vector<std::int64_t> room = {sizes[0], sizes[1], added.prefix + capacity, sizes[3]};
    known = {at::empty(room, added.keys.options()), at::empty(room, added.values.options()), added.prefix};
  }
  const std::int64_t begin = length == 0 ? 0 : known.prefix + length, count = added.keys.size(2);
  known.keys.narrow(2, begin, count).copy_(added.keys);
  known.values.narrow(2, begin, count).copy_(added.values);
  return {known.keys.narrow(2, 0, begin + count), known.values.narrow(2, 0, begin + count), known.prefix};
}

}  // namespace

at::Tensor Decoder::step(const at::Tensor& embedded, const Encoded& encoded, DecoderCache& cache,
                         const Run& run) const {
  const bool first = cache.length == 0;
  if (first) start(encoded, cache, run);
  const ScoreBias bias = cache.bias.narrow(2, cache.length, 1).narrow(3, 0, cache.length + 1);
  at::Tensor states = run.drop(embedded);
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    const Block& block = blocks_[layer];
    states = block.attends_self(states, run, [&](const at::Tensor& normed) {
      const KeysValues added = block.self_attention.look_at(normed, run, first);
      const KeysValues seen = remember(cache.before[layer], added, cache.length, cache.capacity);
      return block.self_attention(normed, seen, bias_.widen(bias, seen.prefix, cache.length), run);
    });
    states = block.attends_cross(states, run, [&](const at::Tensor& normed) {
      if (cache.seen.empty()) return block.cross_attention.absorbed(normed, encoded.states, cache.padding, run);
      const KeysValues& seen = cache.seen[layer];
      return block.cross_attention(normed, seen, widen(cache.padding, seen.prefix), run);
    });
    states = block.feeds(states, run, [&](const at::Tensor& normed) { return block.feed_forward(normed, run); });
  }
  ++cache.length;
  return run.drop(final_norm_(states, run));
}

}  // namespace atp::t5
