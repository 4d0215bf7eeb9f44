#include "fs/catalogue/scans.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fs/catalogue/two_ended_listing.h"

namespace glancefs::fs {
namespace {

// Times are whole seconds, servers' clocks differ a little, and a change may become visible after
// one that was made later.
constexpr std::chrono::seconds kOverlap{5};

}  // namespace

client::ListQuery Scans::query(bool hidden, std::optional<Time> since) const {
  client::ListQuery query{.hidden = hidden, .updated_since = since, .name = {}};
  tree_.directories().limit(query);
  return query;
}

std::optional<Scans::Time> Scans::mark(bool hidden) const {
  const Lock lock(mutex_);
  return marks_[hidden ? 1 : 0];
}

bool Scans::move_mark(bool hidden, Time to) {
  const Lock lock(mutex_);
  std::optional<Time>& mark = marks_[hidden ? 1 : 0];
  if (mark && *mark >= to) return false;
  mark = to;
  return true;
}

// While the pages come, images change that were on an earlier one or are made before the first. So
// not the newest change seen is the mark, but one that had been made when the first page was read:
// that of the image it began with.
std::vector<client::ImagePtr> Scans::all(bool in_a_hurry, const std::stop_token& stop) {
  std::vector<client::ImagePtr> found;
  std::array<std::optional<Time>, 2> marks;
  for (const bool hidden : {false, true}) {
    const auto each = [&](client::ImagePtr image) {
      std::optional<Time>& mark = marks[hidden ? 1 : 0];
      if (!mark) mark = image->updated;
      found.push_back(tree_.shared(std::move(image)));
    };
    if (in_a_hurry) {
      list_from_both_ends(images_, query(hidden, {}), each, stop);
    } else {
      const auto keep = [&](client::Image&& image) {
        each(std::make_shared<const client::Image>(std::move(image)));
      };
      images_.list(query(hidden, {}), keep, stop);
    }
  }
  for (const bool hidden : {false, true}) {
    if (const auto& mark = marks[hidden ? 1 : 0]) move_mark(hidden, *mark);
  }
  return found;
}

// Here what changes meanwhile comes again on the last page.
Scans::Changed Scans::changed(const std::stop_token& stop) {
  Changed changed;
  for (const bool hidden : {false, true}) {
    std::optional<Time> since = mark(hidden);
    std::optional<Time> newest;
    if (since) *since -= kOverlap;
    const auto each = [&](client::Image&& image) {
      newest = std::max(newest.value_or(image.updated), image.updated);
      changed.images.push_back(
          tree_.shared(std::make_shared<const client::Image>(std::move(image))));
    };
    images_.list(query(hidden, since), each, stop);
    if (newest && move_mark(hidden, *newest)) changed.news = true;
  }
  return changed;
}

}  // namespace glancefs::fs
