// The downloads that queue and run: which ranges to fetch, and in which order.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "fs/read/image_data.h"

namespace glancefs::fs {

/// Demanded flights go first, wished ones (read-ahead) after them, each in the order they came.
/// Not thread-safe: the fetcher's mutex guards it, as it guards the ImageData it changes.
class Flights {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// At most `most` run at once.
  explicit Flights(unsigned most);

  /// Adds flights for what is missing of `ahead` and not on its way, as the wish of `reader`; what
  /// `range` needs of it is demanded, and a running wish makes room for it. True: something was
  /// added.
  bool plan(const Reader& reader, cache::Extent range, cache::Extent ahead);

  /// The next one, which counts as running from now on; null: none may run now.
  std::shared_ptr<Flight> take(Time now);
  /// It runs no more; another one may, then.
  void landed(const std::shared_ptr<Flight>& flight, Time now);
  /// Stops demanded flights that have brought next to nothing for `patience`, so that they are
  /// asked for again on other connections from where they are; the more often for one image, the
  /// later. Answers when to look again.
  Time stop_stalled(Time now, std::chrono::milliseconds patience);
  /// Forgets what queues for `reader` alone.
  void forget_wishes(const Reader& reader);
  /// Nobody has `data` open any more: forgets what queues for it and stops what runs.
  void cancel(const std::shared_ptr<ImageData>& data);
  void cancel_all();

  const std::vector<std::shared_ptr<Flight>>& running() const noexcept { return running_; }

 private:
  bool add(const Reader& reader, cache::Extent extent, bool demanded);
  void promote(Flight& flight);
  unsigned streams(const ImageData& data) const;
  bool may_run(const ImageData& data) const;
  void learn(const Flight& flight, Time now) const;
  void make_room();

  const unsigned most_;
  std::uint64_t largest_;  ///< bytes of one range, see landed()
  std::deque<std::shared_ptr<Flight>> demanded_, wished_;
  std::vector<std::shared_ptr<Flight>> running_;
};

}  // namespace glancefs::fs
