// Images that other projects offer to ours, and our answers. Until one is accepted it is in
// shared/.pending alone.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/shared_flag.h"

namespace glancefs::fs {

struct OffersConfig {
  std::string project_id;                ///< ours, whose answers these are
  std::chrono::milliseconds ttl{30000};  ///< how long what Glance said of them counts
  SharedFlag read_only = false;
};

/// Thread-safe. `images` and `tree` must outlive it. Where the tree has no directory of offers, as
/// for administrators, it does nothing.
class Offers {
 public:
  Offers(OffersConfig config, client::Images& images, Tree& tree);

  /// Whether what is known of them is older than the ttl.
  bool due() const;
  /// Lists them; returns when the tree shows it. A cloud that does not answer leaves them as they
  /// are, and is not asked again before the ttl has passed.
  void ask(std::stop_token stop);

  /// Whether a rename between these directories is an answer.
  static bool is_answer(NodeId from, NodeId to) noexcept {
    return from == kOffersNode || to == kOffersNode;
  }
  /// mv: out of the offers to "shared" accepts, back takes that back. EACCES: any other directory,
  /// another name, or an image that nobody has offered; EROFS; what Glance says.
  void move(const Node& node, NodeId from, std::string_view name, NodeId to,
            std::string_view new_name, std::stop_token stop);
  /// rm: rejects. EROFS; ENOENT: nobody offers it any more, here as above; what Glance says.
  void reject(const Node& node, std::stop_token stop);
  /// Throws EACCES with what to do instead of deleting an image that was accepted.
  void check_unlink(const Node& node) const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  void check_offered(const std::string& id, const std::stop_token& stop);
  void answer(const Node& node, client::MemberStatus status, std::stop_token stop);

  const OffersConfig config_;
  client::Images& images_;
  Tree& tree_;

  mutable Mutex mutex_;
  Time due_ GUARDED_BY(mutex_);  ///< when to ask again
};

}  // namespace glancefs::fs
