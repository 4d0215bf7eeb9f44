#include "fs/read/range_support.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "fs/waker.h"

namespace glancefs::fs {
namespace {

constexpr std::uint64_t kHalf = 4096;
// Images begin with a boot sector or a header; where that is zeros, a look further in.
constexpr std::uint64_t kSecondPlace = 1024UL * 1024;

std::string store_of(const client::Image& image) {
  const std::string* stores = client::find_property(image.properties, "stores");
  return stores == nullptr ? std::string() : *stores;
}

class Bytes : public client::Sink {
 public:
  void write(std::span<const std::byte> bytes) override {
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::byte> all;
};

}  // namespace

bool RangeSupport::given(const client::Image& image, std::stop_token stop) {
  const std::string store = store_of(image);
  {
    const Waker waker(stop, mutex_, changed_);
    Lock lock(mutex_);
    while (stores_[store] == State::kAsking && !stop.stop_requested()) changed_.wait(mutex_);
    if (stop.stop_requested()) throw_errno(ECANCELED, "stopped");
    if (stores_[store] != State::kUnknown) return stores_[store] == State::kGiven;
    stores_[store] = State::kAsking;
  }
  State learnt = State::kUnknown;
  try {
    learnt = ask(image, stop);
  } catch (...) {
    set(store, State::kUnknown);
    throw;
  }
  if (learnt == State::kRefused) {
    refused(image);
    return false;
  }
  set(store, learnt);
  return true;
}

RangeSupport::State RangeSupport::ask(const client::Image& image, const std::stop_token& stop) {
  for (const std::uint64_t place : {std::uint64_t{0}, kSecondPlace}) {
    if (image.size.value_or(0) <= place + 2 * kHalf) break;
    Bytes both;
    Bytes second;
    using client::Delivery;
    if (images_.download(image, {.offset = place, .length = 2 * kHalf}, both, stop) ==
            Delivery::kRangesRefused ||
        images_.download(image, {.offset = place + kHalf, .length = kHalf}, second, stop) ==
            Delivery::kRangesRefused) {
      return State::kRefused;
    }
    const auto half = both.all.begin() + static_cast<std::ptrdiff_t>(kHalf);
    if (!std::equal(half, both.all.end(), second.all.begin(), second.all.end())) {
      return State::kRefused;
    }
    if (!std::equal(both.all.begin(), half, half)) return State::kGiven;
  }
  return State::kUnknown;
}

void RangeSupport::refused(const client::Image& image) {
  const std::string store = store_of(image);
  log::info("image {}: its store{} gives no ranges, reading from front to back", image.id,
            store.empty() ? "" : " " + store);
  set(store, State::kRefused);
}

void RangeSupport::set(const std::string& store, State state) {
  const Lock lock(mutex_);
  stores_[store] = state;
  changed_.notify_all();
}

}  // namespace glancefs::fs
