#pragma once

#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/example_store.h"

namespace atp {

// A split of an experiment: a store of examples and the order in which its own stand there. Limits, halves, what is
// held out and few-shot draws are orders; copies share everything. Reads like a vector whose examples are made when
// they are asked for.
class Split {
 public:
  using Order = std::vector<std::int64_t>;  // indices of examples in the store

  Split(std::shared_ptr<const ExampleStore> store, Order order)
      : store_(std::move(store)), order_(std::make_shared<const Order>(std::move(order))) {}

  std::size_t size() const { return order_->size(); }
  bool empty() const { return order_->empty(); }
  TaskExample operator[](std::size_t row) const { return store_->get((*order_)[row]); }
  TaskExample front() const { return (*this)[0]; }

  // Without making an example; they live as long as the store.
  std::string_view source(std::size_t row) const { return store_->source((*order_)[row]); }
  std::string_view target(std::size_t row) const { return store_->target((*order_)[row]); }
  std::string_view group(std::size_t row) const { return store_->group((*order_)[row]); }
  std::vector<std::string> references(std::size_t row) const { return store_->references((*order_)[row]); }

  const Order& order() const { return *order_; }
  const ExampleStore& store() const { return *store_; }
  const std::shared_ptr<const ExampleStore>& shared_store() const { return store_; }
  Split first(std::size_t count) const;  // all where there are no more
  XXH128_hash_t hash() const;            // of what the rows are

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = TaskExample;
    using difference_type = std::ptrdiff_t;
    using pointer = const TaskExample*;
    using reference = TaskExample;

    Iterator(const Split& split, std::size_t row) : split_(&split), row_(row) {}
    TaskExample operator*() const { return (*split_)[row_]; }
    Iterator& operator++() { return ++row_, *this; }
    void operator++(int) { ++row_; }
    bool operator==(const Iterator& other) const { return row_ == other.row_; }

   private:
    const Split* split_;
    std::size_t row_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  std::shared_ptr<const ExampleStore> store_;
  std::shared_ptr<const Order> order_;
};

}  // namespace atp
