#include "data/split.h"

#include <algorithm>

namespace atp {

Split Split::first(std::size_t count) const {
  if (count >= size()) return *this;
  return {store_, Order(order_->begin(), order_->begin() + static_cast<std::ptrdiff_t>(count))};
}

XXH128_hash_t Split::hash() const {
  CacheKey key;
  key.add(store_->key().high64);
  key.add(store_->key().low64);
  key.add(std::string_view(reinterpret_cast<const char*>(order_->data()), order_->size() * sizeof(std::int64_t)));
  return key.hash();
}

}  // namespace atp
