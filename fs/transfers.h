// What is on its way between Glance and this machine, as people and programs are told of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"

namespace glancefs::fs {

/// One image that is downloaded, or one file that is or wants to be uploaded. A value.
struct Transfer {
  enum class Direction { kDownload, kUpload };
  Direction direction = Direction::kDownload;
  std::string id;    ///< of the image
  std::string file;  ///< "private/a.img", as the mount shows it if nothing else has the name
  /// For people: "reading", "prefetching", "queued"; "waiting", "uploading", "failed" …
  std::string state;
  std::uint64_t bytes = 0;  ///< here already, or sent
  std::uint64_t size = 0;   ///< in all
  /// Bytes per second of what runs now; nullopt: nothing runs, or too short to tell.
  std::optional<double> rate;
  unsigned attempt = 0;  ///< the first is 1; 0: there was none yet
  std::string more;      ///< why it failed, what Glance says of the import; may be empty

  /// Seconds until the rest is there at that rate; nullopt: not known.
  std::optional<std::uint64_t> seconds_left() const;
};

/// Bytes per second; nullopt: `time` is too short to tell.
std::optional<double> rate_of(std::uint64_t bytes, std::chrono::steady_clock::duration time);

/// A download of `image` of which nothing is here yet.
Transfer download_of(const client::Image& image, std::string state);

std::string_view to_string(Transfer::Direction direction);

/// .glancefs/transfers: a line each.
std::string transfers_text(const std::vector<Transfer>& transfers);
/// .glancefs/transfers.json: an array of objects with the keys of `glancefs transfer list -f json`.
std::string transfers_json(const std::vector<Transfer>& transfers);

}  // namespace glancefs::fs
