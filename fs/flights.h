// The downloads that queue and run: which ranges to fetch, and in which order.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "fs/image_data.h"

namespace glancefs::fs {

/// Demanded flights go first, wished ones (read-ahead) after them, each in the order they came.
/// Not thread-safe: the fetcher's mutex guards it, as it guards the ImageData it changes.
class Flights {
 public:
  /// Adds flights for what is missing of `ahead` and not on its way; what `range` needs of it is
  /// demanded. True: something was added.
  bool plan(const std::shared_ptr<ImageData>& data, cache::Extent range, cache::Extent ahead);

  /// The next one, which counts as running from now on; null: none queues.
  std::shared_ptr<Flight> take();
  /// It runs no more.
  void landed(const std::shared_ptr<Flight>& flight);
  /// Nobody has `data` open any more: forgets what queues for it and stops what runs.
  void cancel(const std::shared_ptr<ImageData>& data);
  void cancel_all();

  const std::vector<std::shared_ptr<Flight>>& running() const noexcept { return running_; }

 private:
  bool add(const std::shared_ptr<ImageData>& data, cache::Extent extent, bool demanded);
  void promote(Flight& flight);

  std::deque<std::shared_ptr<Flight>> demanded_, wished_;
  std::vector<std::shared_ptr<Flight>> running_;
};

}  // namespace glancefs::fs
