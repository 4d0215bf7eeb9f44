#include "client/glance.h"

#include <algorithm>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "client/change.h"
#include "client/image_json.h"
#include "client/image_transfer.h"
#include "client/retry.h"
#include "client/url_text.h"

namespace glancefs::client {
namespace {

// More is cut to this by the stock configuration; fewer cost more requests.
constexpr int kPageSize = 1000;
// Ten times the largest catalogue met. A server that goes on for ever must not fill the memory.
constexpr std::size_t kMaxImages = 1'000'000;
// Markers of one page that may turn out deleted, one after the other.
constexpr int kMaxLostMarkers = 20;
// A download may be taken up again this often in all, however much it has progressed between.
constexpr int kMaxResumptions = 100;

std::string path_of(std::string_view id) {
  // Ids come from strangers and end in URLs.
  if (!is_uuid(id)) throw_errno(EINVAL, "not an image id");
  return "/v2/images/" + std::string(id);
}

std::string list_path(const ListQuery& query) {
  // Sorting by anything that can be null loses records or pages for ever.
  std::string path = "/v2/images?limit=" + std::to_string(kPageSize) +
                     "&visibility=all&os_hidden=" + (query.hidden ? "true" : "false");
  if (query.updated_since) {
    path += "&sort=updated_at:asc,id:asc&updated_at=" +
            url_encoded("gte:" + format_time(*query.updated_since));
  } else {
    path += "&sort=created_at:desc,id:desc";
  }
  // Without the operator a name with a colon is taken for one.
  if (query.name) path += "&name=" + url_encoded("eq:" + *query.name);
  return path;
}

Request request_for(std::string method, std::string path) {
  Request request;
  request.method = std::move(method);
  request.url = std::move(path);
  return request;
}

[[noreturn]] void not_as_asked(Operation operation, const std::string& request,
                               const Response& answer, const std::string& what) {
  const std::string* id = answer.headers.find("X-Openstack-Request-Id");
  throw HttpError(operation, answer.status, request, what,
                  id == nullptr ? std::string() : log::printable(*id));
}

Image record_in(const Response& answer, Operation operation, const std::string& request,
                std::string_view id) {
  auto image = parse_image(answer.body);
  if (!image || image->id != id)
    not_as_asked(operation, request, answer, "not that image's record");
  return *std::move(image);
}

void refuse_collisions(const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (collides_with_glance(change.key)) {
      throw_errno(EINVAL, "Glance cannot store a property called " + change.key);
    }
  }
}

// One scan over the pages of a listing.
class Listing {
 public:
  Listing(Session& session, const ListQuery& query) : session_(session), query_(query) {}

  void run(const std::function<void(Image&&)>& each, const std::stop_token& stop) {
    while (true) {
      Page page = next_page(stop);
      const bool news = note(page.ids);
      give(std::move(page.images), each);
      // The length of a page says nothing: servers cut it as they like.
      if (!page.has_next || page.ids.empty()) return;
      if (!news || seen_.size() > kMaxImages) {
        throw HttpError(Operation::kList, 200, "GET /v2/images", "the listing has no end", {});
      }
      markers_ = std::move(page.ids);
    }
  }

 private:
  // Whether one of them is new.
  bool note(const std::vector<std::string>& ids) {
    const std::size_t before = seen_.size();
    seen_.insert(ids.begin(), ids.end());
    return seen_.size() > before;
  }

  void give(std::vector<Image> images, const std::function<void(Image&&)>& each) {
    for (Image& image : images) {
      // Databases compare names as they like; what comes on two pages is one image.
      if (query_.name && image.name != *query_.name) continue;
      if (given_.insert(image.id).second) each(std::move(image));
    }
  }

  Page next_page(const std::stop_token& stop) {
    for (int lost = 0;; ++lost) {
      std::string path = list_path(query_);
      if (!markers_.empty()) path += "&marker=" + markers_.back();
      try {
        const Response answer = session_.call(request_for("GET", std::move(path)), Operation::kList,
                                              true, nullptr, nullptr, stop);
        auto page = parse_page(answer.body);
        if (!page) not_as_asked(Operation::kList, "GET /v2/images", answer, "not a list of images");
        return *std::move(page);
      } catch (const HttpError& error) {
        // The image that ended the last page was deleted (400) or hidden from us (403) meanwhile.
        const bool marker_lost = error.status() == 400 || error.status() == 403;
        if (!marker_lost || markers_.size() < 2 || lost >= kMaxLostMarkers) throw;
        markers_.pop_back();
      }
    }
  }

  Session& session_;
  const ListQuery& query_;
  std::vector<std::string> markers_;  // ids of the last page; the last of them is sent
  std::unordered_set<std::string> seen_, given_;
};

// How often a download is taken up again.
class Patience {
 public:
  explicit Patience(const RetryPolicy& policy) : policy_(policy) {}
  /// An answer broke off; `progressed`: it brought something.
  void spend(bool progressed) noexcept {
    failures_ = progressed ? 0 : failures_ + 1;
    ++answers_;
  }
  bool over() const noexcept {
    return failures_ >= policy_.attempts || answers_ >= kMaxResumptions;
  }
  /// A wrong answer came; true: not the first.
  bool offended() noexcept { return std::exchange(offended_, true); }
  std::chrono::milliseconds pause() const {
    return pause_before_retry(policy_, failures_ + 1, std::nullopt, random_jitter());
  }

 private:
  const RetryPolicy& policy_;
  int failures_ = 0;  // since the last progress
  int answers_ = 0;
  bool offended_ = false;
};

}  // namespace

void Glance::list(const ListQuery& query, const std::function<void(Image&&)>& each,
                  std::stop_token stop) {
  Listing(session_, query).run(each, stop);
}

std::optional<Image> Glance::show(std::string_view id, std::stop_token stop) {
  if (!is_uuid(id)) return std::nullopt;
  const std::string path = path_of(id);
  try {
    const Response answer = session_.call(request_for("GET", path), Operation::kShow, true, nullptr,
                                          nullptr, std::move(stop));
    return record_in(answer, Operation::kShow, "GET " + path, id);
  } catch (const HttpError& error) {
    if (error.status() != 404) throw;
    return std::nullopt;
  }
}

// One answer to a download. True: try again.
bool Glance::take_part(TransferGuard& guard, const Image& image, bool ranged,
                       std::stop_token stop) {
  Request request = request_for("GET", path_of(image.id) + "/file");
  if (ranged) {
    guard.expect_range();
    request.headers.add("Range", "bytes=" + std::to_string(guard.position()) + "-" +
                                     std::to_string(guard.end() - 1));
  } else {
    guard.expect_whole();
  }
  session_.call(std::move(request), Operation::kDownload, false, nullptr, &guard, std::move(stop));
  // Some frontends leave the length out and close too early.
  return !guard.complete();
}

void Glance::transfer(TransferGuard& guard, const Image& image, bool ranged,
                      const std::stop_token& stop) {
  Patience patience(session_.retry());
  while (true) {
    const std::uint64_t before = guard.position();
    try {
      if (!take_part(guard, image, ranged, stop)) return;
      patience.spend(guard.position() != before);
      if (patience.over()) {
        throw HttpError(Operation::kDownload, Failure::kProtocol, guard.request(),
                        "the data is shorter than the record says");
      }
    } catch (const WrongAnswer& error) {
      if (patience.offended()) throw;
      log::warning("{}; trying once more", error.what());
    } catch (const HttpError& error) {
      patience.spend(guard.position() != before);
      if (!may_pass(error) || patience.over()) throw;
      log::info("{}; going on at byte {}", error.what(), guard.position());
    }
    pause(patience.pause(), stop);
  }
}

Delivery Glance::download(const Image& image, ByteRange range, Sink& sink, std::stop_token stop) {
  if (!image.size || range.length == 0 || range.length > *image.size ||
      range.offset > *image.size - range.length) {
    throw_errno(EINVAL, "a download outside the image");
  }
  TransferGuard guard(image, range, sink);
  try {
    transfer(guard, image, true, stop);
    return Delivery::kComplete;
  } catch (const RangesRefused&) {
    return Delivery::kRangesRefused;
  } catch (const HttpError& error) {
    // What stores without random access say. The image has data: the range itself is right.
    if (error.status() == 400 && guard.position() == range.offset) return Delivery::kRangesRefused;
    throw;
  }
}

void Glance::stream(const Image& image, Sink& sink, std::stop_token stop) {
  if (!image.size) throw_errno(EINVAL, "a download of an image without data");
  TransferGuard guard(image, {.offset = 0, .length = *image.size}, sink);
  transfer(guard, image, false, stop);
}

Image Glance::create(const Draft& draft, std::stop_token stop) {
  refuse_collisions(draft.fields);
  Request request = request_for("POST", "/v2/images");
  request.headers.add("Content-Type", "application/json");
  request.body = draft_json(draft);
  try {
    // The id is ours, so a repetition is recognised.
    const Response answer =
        session_.call(std::move(request), Operation::kCreate, true, nullptr, nullptr, stop);
    return record_in(answer, Operation::kCreate, "POST /v2/images", draft.id);
  } catch (const HttpError& error) {
    if (error.status() != 409) throw;
    auto existing = show(draft.id, stop);
    if (!existing || existing->status != Status::kQueued || existing->name != draft.name) throw;
    return *std::move(existing);
  }
}

void Glance::upload(std::string_view id, Source& data, std::stop_token stop) {
  Request request = request_for("PUT", path_of(id) + "/file");
  // Exactly this, in lower case, or it is refused.
  request.headers.add("Content-Type", "application/octet-stream");
  session_.call(std::move(request), Operation::kUpload, false, &data, nullptr, std::move(stop));
}

Image Glance::update(std::string_view id, const std::vector<Change>& changes,
                     std::stop_token stop) {
  refuse_collisions(changes);
  const std::string path = path_of(id);
  Request request = request_for("PATCH", path);
  request.headers.add("Content-Type", "application/openstack-images-v2.1-json-patch");
  request.body = patch_json(changes);
  // Removing twice is a conflict.
  const bool repeatable =
      std::ranges::all_of(changes, [](const Change& change) { return change.value.has_value(); });
  const Response answer = session_.call(std::move(request), Operation::kUpdate, repeatable, nullptr,
                                        nullptr, std::move(stop));
  Image image = record_in(answer, Operation::kUpdate, "PATCH " + path, id);
  for (const Change& change : changes) {
    if (!shows(image, change)) {
      throw_errno(EINVAL, "Glance accepted a value of " + change.key + " but did not store it");
    }
  }
  return image;
}

void Glance::remove(std::string_view id, std::stop_token stop) {
  const std::string path = path_of(id);
  const RetryPolicy& retry = session_.retry();
  for (int attempt = 1;; ++attempt) {
    try {
      session_.call(request_for("DELETE", path), Operation::kRemove, false, nullptr, nullptr, stop);
      return;
    } catch (const HttpError& error) {
      // An earlier try has done it, and only its answer was lost.
      if (error.status() == 404 && attempt > 1) return;
      if (attempt >= retry.attempts || !may_pass(error)) throw;
    }
    pause(pause_before_retry(retry, attempt, std::nullopt, random_jitter()), stop);
  }
}

Quota Glance::quota(std::stop_token stop) {
  try {
    const Response answer = session_.call(request_for("GET", "/v2/info/usage"), Operation::kOther,
                                          true, nullptr, nullptr, std::move(stop));
    const auto quota = parse_usage(answer.body);
    if (!quota) not_as_asked(Operation::kOther, "GET /v2/info/usage", answer, "not a usage");
    return *quota;
  } catch (const HttpError& error) {
    if (error.status() == 404) return {};  // before 2.13, or no limits here
    throw;
  }
}

}  // namespace glancefs::client
