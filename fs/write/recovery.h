// What a mount does with the files that earlier ones have left in the journal.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/spool.h"
#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/write/publisher.h"
#include "fs/write/recover.h"

namespace glancefs::fs {

/// How long the temporary file of a program that has gone is kept still, when the journal last
/// wrote about it at `recorded`. Zero or less: no longer.
std::chrono::milliseconds local_life_left(std::chrono::system_clock::time_point recorded);

/// For one thread.
class Recovery {
 public:
  /// `identity`: whose records are ours. All references must outlive it.
  Recovery(Recover how, std::string identity, cache::Spools& spools, Publisher& publisher,
           Tree& tree)
      : how_(how),
        identity_(std::move(identity)),
        spools_(spools),
        publisher_(publisher),
        tree_(tree) {}

  /// A file that is to be there again.
  struct File {
    std::shared_ptr<cache::Spool> spool;
    client::Image image;  ///< what it is to become, without an owner
    /// When it is due to be sent (or, a temporary file, to go); absent: when somebody asks.
    std::optional<std::chrono::milliseconds> due;
    std::string why_not;  ///< of what is not due, for people
  };
  /// Removes what nobody will ask for; what uploads cut short have left at Glance goes with it.
  std::vector<File> take_up(const std::stop_token& stop);

 private:
  std::optional<File> consider(std::unique_ptr<cache::Spool> spool, const std::stop_token& stop);
  /// Why nobody will ask for it; empty: somebody may. `left`: see local_life_left().
  std::string why_useless(const cache::Spool& spool, std::chrono::milliseconds left) const;
  void drop(cache::Spool& spool, const std::string& why, const std::stop_token& stop);

  const Recover how_;
  const std::string identity_;
  cache::Spools& spools_;
  Publisher& publisher_;
  Tree& tree_;
};

}  // namespace glancefs::fs
