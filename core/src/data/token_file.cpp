#include "data/token_file.h"

#include <algorithm>
#include <utility>

#include "atp/error.h"

// The file's body: the ids of each row's source and target, one behind the other; then the ends of all of these,
// counted in ids from 0 (source of row 0, its target, source of row 1 …), with a 0 before them. It counts rows, ids,
// and sources that were cut.
namespace atp {

TokenRows::~TokenRows() = default;

namespace {

class View final : public TokenRows {
 public:
  explicit View(std::shared_ptr<const CacheFile> file) : file_(std::move(file)) {
    const std::uint64_t ids = file_->count(1), most = file_->body().size() / 4;
    const std::uint64_t before = (ids * 4 + 7) / 8 * 8;
    if (ids > most || file_->count(0) > most || before + (2 * file_->count(0) + 1) * 8 != file_->body().size())
      contradicts();
    ids_ = reinterpret_cast<const std::int32_t*>(file_->body().data());
    ends_ = {reinterpret_cast<const std::uint64_t*>(file_->body().data() + before), 2 * file_->count(0) + 1};
    if (!std::is_sorted(ends_.begin(), ends_.end()) || ends_.front() != 0 || ends_.back() != ids) contradicts();
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(file_->count(0)); }
  std::int64_t truncated_sources() const override { return static_cast<std::int64_t>(file_->count(2)); }
  std::span<const std::int32_t> source(std::int64_t row) const override { return text(2 * row); }
  std::span<const std::int32_t> target(std::int64_t row) const override { return text(2 * row + 1); }

 private:
  [[noreturn]] static void contradicts() {
    throw FormatError(
        "a file of the cache of tokens contradicts itself; remove the folder cache/ below the output folder");
  }
  std::span<const std::int32_t> text(std::int64_t number) const {
    const auto place = static_cast<std::size_t>(number);
    return {ids_ + ends_[place], ids_ + ends_[place + 1]};
  }

  std::shared_ptr<const CacheFile> file_;
  const std::int32_t* ids_;
  std::span<const std::uint64_t> ends_;
};

}  // namespace

std::shared_ptr<const TokenRows> token_rows(std::shared_ptr<const CacheFile> file) {
  return std::make_shared<View>(std::move(file));
}

}  // namespace atp
