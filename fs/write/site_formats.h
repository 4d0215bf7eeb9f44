// The formats of images: which to declare, and whether the site takes it.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "cache/spool.h"
#include "client/images.h"
#include "fs/write/disk_format.h"
#include "fs/write/image_inspection.h"

namespace glancefs::fs {

/// Thread-safe. Asks the site at the first check(), and again as long as it does not answer; until
/// then every word counts as taken.
///
/// Whether a site looks into images cannot be asked: API version 2.17 says Glance 29 or later, 30
/// and later look, and two settings switch parts of it off. To refuse what the site would take is
/// worse than to send in vain, so: from 2.17 on what no setting lets through is refused here (29
/// alone would store it, for readers that cannot use it). What a setting lets through is refused
/// once this site has refused such an image itself, which costs one upload in vain per mount.
class SiteFormats {
 public:
  /// `fallback` is what is declared where the bytes say nothing. `images` must outlive it.
  SiteFormats(client::Images& images, ImageFormat fallback)
      : images_(images),
        fallback_(std::move(fallback)) {}

  /// Declares the formats that nobody has set on `image`, by the bytes in `spool`. Throws what
  /// reading them throws.
  void declare(client::Image& image, const cache::Spool& spool) const;

  /// The formats to declare of an image whose bytes are not here: what the first of `names` says
  /// that says something (see format_of_name()), else the fallback. EINVAL when the site takes no
  /// such format; otherwise as check().
  ImageFormat of_names(std::initializer_list<std::string_view> names, std::stop_token stop);

  /// Throws EINVAL when the site takes no such format, or would refuse the content after having got
  /// all of it. REQUIRES both formats. ECANCELED after `stop`; that the site does not answer is
  /// logged and no error.
  void check(const client::Image& image, const cache::Spool& spool, std::stop_token stop);

  /// EINVAL when `key` is one of the formats and the site is known not to take `word`. Never waits.
  void check_word(std::string_view key, std::string_view word) const;

  /// The site has answered the upload of `image` with 415.
  void learn(const client::Image& image, const cache::Spool& spool);

 private:
  std::optional<client::Site> site() const;
  void ask(std::stop_token stop);

  client::Images& images_;
  const ImageFormat fallback_;
  mutable Mutex mutex_;
  std::optional<client::Site> site_ GUARDED_BY(mutex_);
  std::set<Objection::Kind> seen_ GUARDED_BY(mutex_);  ///< what this site has refused
};

}  // namespace glancefs::fs
