// Brings a written file to Glance: create, upload, compare, and put right what went wrong.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "client/images.h"
#include "fs/read/rate_limit.h"
#include "fs/write/destination.h"
#include "fs/write/site_formats.h"
#include "fs/write/staged_import.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

struct PublisherConfig {
  int attempts = 3;
  /// How long an image may stay "saving" after its upload ended before it counts as stuck.
  std::chrono::milliseconds settle_timeout{120000};
  /// The same for one that broke off before its last byte.
  std::chrono::milliseconds rollback_timeout{5000};
  std::chrono::milliseconds poll_interval{1000};
  std::chrono::milliseconds import_patience{std::chrono::minutes(60)};
  std::uint64_t limit = 0;  ///< bytes per second of all uploads together; 0: none
  Destination usual;        ///< of files that have no stores of their own
};

/// Thread-safe; one call at a time for one Upload.
class Publisher {
 public:
  /// `images` and `formats` must outlive it.
  Publisher(PublisherConfig config, client::Images& images, SiteFormats& formats)
      : config_(config),
        images_(images),
        formats_(formats),
        limit_(config.limit) {}

  /// Uploads what `upload` (which has begun()) holds and answers the image once Glance shows it
  /// active with the right size and hash, in all the stores that were wanted. Otherwise throws, and
  /// Glance is left without the image, unless it was found there: a half one is never visible. An
  /// import that runs when `stop` comes is left to itself; the next publish() takes it up.
  /// What is to replace an image is hidden at first, and has what is to be kept of that one.
  /// `algorithm`: the hash Glance will probably use, computed while sending. An empty file becomes
  /// a queued image without data: Glance could never fill an active one.
  client::Image publish(Upload& upload, const std::string& algorithm, std::stop_token stop);

  enum class Withdraw {
    kUnfinished,  ///< not an active image
    kUnseen,      ///< also an active one, if it is hidden
    kAll,
  };
  /// Removes what an upload that will not be tried again has left at Glance under `id`, an id of
  /// our own making. True: there is no such image now. Trouble is logged.
  bool withdraw(const std::string& id, Withdraw what, std::stop_token stop) noexcept;

 private:
  class Attempt;
  const PublisherConfig config_;
  client::Images& images_;
  SiteFormats& formats_;
  RateLimit limit_;
};

}  // namespace glancefs::fs
