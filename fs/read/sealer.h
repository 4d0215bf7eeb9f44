// Compares images with their hashes, off the paths of those who read and fetch.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

#include "base/mutex.h"
#include "cache/store.h"
#include "fs/read/image_data.h"

namespace glancefs::fs {

/// Two threads. One hashes images while they come. The other ends what the first has begun as soon
/// as an image is complete, since readers may wait for it. Thread-safe.
class Sealer {
 public:
  using ImageDataPtr = std::shared_ptr<ImageData>;
  using Proven = std::function<void(const ImageDataPtr& data)>;
  using Done = std::function<void(const ImageDataPtr& data, cache::Seal result)>;

  /// Both are called on one of the threads, without a lock held: `proven` when the hash is right,
  /// `done` when the image is durable, too, or the hash is wrong. `in_passing`: the hash may take
  /// its time while an image comes, since nobody will wait for it.
  Sealer(bool in_passing, Proven proven, Done done);
  /// Stops in the middle of a hash; what still queues is forgotten.
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  /// More of `data` is here. Cheap.
  void follow(const ImageDataPtr& data);
  /// `data` is complete: `done` will be called once for it.
  void seal(const ImageDataPtr& data);

 private:
  void follow_loop();
  void seal_loop();
  /// The next of `queue`; null: the end.
  ImageDataPtr take(std::deque<ImageDataPtr>& queue, Condition& more) REQUIRES(mutex_);

  const bool in_passing_;
  const Proven proven_;
  const Done done_;
  std::stop_source ending_;

  Mutex mutex_;
  Condition to_follow_changed_, to_seal_changed_;
  std::deque<ImageDataPtr> to_follow_ GUARDED_BY(mutex_);
  std::deque<ImageDataPtr> to_seal_ GUARDED_BY(mutex_);

  std::thread follower_, sealer_;  // last: begun when all above lives
};

}  // namespace glancefs::fs
