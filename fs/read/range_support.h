// Which stores give ranges of an image.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/mutex.h"
#include "client/images.h"

namespace glancefs::fs {

/// Learns once per store and remembers. Stores are told apart by the `stores` field of their
/// images; sites with a single store do not show it. Thread-safe.
class RangeSupport {
 public:
  /// `images` must outlive it.
  explicit RangeSupport(client::Images& images) : images_(images) {}

  /// Whether ranges of `image` can be relied on. Asks for two that overlap and compares their
  /// bytes, since a proxy that answers 206 with the image's beginning cannot be told by its
  /// headers. What is learnt in vain (the image holds nothing but zeros there) is asked again for
  /// the next image. Throws what a download throws.
  bool given(const client::Image& image, std::stop_token stop);
  /// An answer has shown that `image` cannot be had in ranges.
  void refused(const client::Image& image);

 private:
  enum class State { kUnknown, kAsking, kGiven, kRefused };
  State ask(const client::Image& image, const std::stop_token& stop);
  void set(const std::string& store, State state);

  client::Images& images_;

  Mutex mutex_;
  Condition changed_;
  std::map<std::string, State> stores_ GUARDED_BY(mutex_);
};

}  // namespace glancefs::fs
