#include "fs/write/site_formats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::fs {
namespace {

// Of Glance 29; see the class.
constexpr unsigned kInspectingMinor = 17;

ReadAt reader_of(const cache::Spool& spool) {
  return [&spool](std::uint64_t offset, std::span<std::byte> into) {
    return spool.read(offset, into);
  };
}

std::vector<Objection> objections(const client::Image& image, const cache::Spool& spool) {
  return inspect_image({.disk_format = image.disk_format.value_or(""),
                        .container_format = image.container_format.value_or("")},
                       spool.size(), reader_of(spool));
}

void check_is_taken(std::string_view key, std::string_view word,
                    const std::vector<std::string>& taken) {
  if (taken.empty() || std::ranges::find(taken, word) != taken.end()) return;
  throw_errno(EINVAL, fmt::format("this site takes no {} \"{}\"; it takes {}", key,
                                  log::printable(word), fmt::join(taken, ", ")));
}

}  // namespace

void SiteFormats::declare(client::Image& image, const cache::Spool& spool) const {
  if (image.disk_format && image.container_format) return;
  ImageFormat found = detect_format(spool.size(), reader_of(spool));
  if (found == ImageFormat{}) found = fallback_;
  if (!image.disk_format) image.disk_format = found.disk_format;
  if (!image.container_format) image.container_format = found.container_format;
}

ImageFormat SiteFormats::of_names(std::initializer_list<std::string_view> names,
                                  std::stop_token stop) {
  std::optional<ImageFormat> found;
  for (const std::string_view name : names) {
    if (!found) found = format_of_name(name);
  }
  ask(std::move(stop));
  ImageFormat format = found.value_or(fallback_);
  check_word("disk_format", format.disk_format);
  check_word("container_format", format.container_format);
  return format;
}

void SiteFormats::check(const client::Image& image, const cache::Spool& spool,
                        std::stop_token stop) {
  ask(std::move(stop));
  check_word("disk_format", image.disk_format.value_or(""));
  check_word("container_format", image.container_format.value_or(""));
  const std::optional<client::Site> known = site();
  const bool inspects = known && known->api_minor.value_or(0) >= kInspectingMinor;
  for (const Objection& objection : objections(image, spool)) {
    const Lock lock(mutex_);
    if (!seen_.contains(objection.kind) &&
        !(inspects && objection.kind == Objection::Kind::kUnsafe)) {
      continue;
    }
    throw_errno(EINVAL, fmt::format("this site would refuse the image after its upload: {}",
                                    objection.reason));
  }
}

void SiteFormats::check_word(std::string_view key, std::string_view word) const {
  const std::optional<client::Site> known = site();
  if (!known) return;
  if (key == "disk_format") check_is_taken(key, word, known->disk_formats);
  if (key == "container_format") check_is_taken(key, word, known->container_formats);
}

void SiteFormats::learn(const client::Image& image, const cache::Spool& spool) {
  const std::vector<Objection> found = objections(image, spool);
  // Of several one was enough: nobody says which.
  if (found.size() != 1) return;
  const Lock lock(mutex_);
  seen_.insert(found.front().kind);
}

std::optional<client::Site> SiteFormats::site() const {
  const Lock lock(mutex_);
  return site_;
}

// Without the lock: several may ask at once, and get the same answer.
void SiteFormats::ask(std::stop_token stop) {
  if (site()) return;
  try {
    client::Site answer = images_.site(stop);
    const Lock lock(mutex_);
    site_ = std::move(answer);
  } catch (const std::system_error& error) {
    if (stop.stop_requested()) throw;
    log::warning("the formats that the site takes are not known: {}", error.what());
  }
}

}  // namespace glancefs::fs
