#include "client/image_listing.h"

#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "client/glance_request.h"
#include "client/image_json.h"
#include "client/url_text.h"
#include "client/uuid.h"

namespace glancefs::client {
namespace {

// More is cut to this by the stock configuration; fewer cost more requests.
constexpr int kPageSize = 1000;
// Ten times the largest catalogue met. A server that goes on for ever must not fill the memory.
constexpr std::size_t kMaxImages = 1'000'000;
// Markers of one page that may turn out deleted, one after the other.
constexpr int kMaxLostMarkers = 20;

std::string list_path(const ListQuery& query) {
  // Sorting by anything that can be null loses records or pages for ever.
  std::string path = "/v2/images?limit=" + std::to_string(kPageSize) + "&visibility=";
  if (query.offers) {
    path += "shared&member_status=pending";
  } else {
    path += query.visibility ? to_string(*query.visibility) : "all";
  }
  path += query.hidden ? "&os_hidden=true" : "&os_hidden=false";
  if (!query.owner.empty()) path += "&owner=" + url_encoded(query.owner);
  if (query.updated_since) {
    path += "&sort=updated_at:asc,id:asc&updated_at=" +
            url_encoded("gte:" + format_time(*query.updated_since));
  } else {
    path += query.oldest_first ? "&sort=created_at:asc,id:asc" : "&sort=created_at:desc,id:desc";
  }
  // Without the operator a name with a colon is taken for one.
  if (query.name) path += "&name=" + url_encoded("eq:" + *query.name);
  return path;
}

// One scan over the pages of a listing.
class ImageListing {
 public:
  ImageListing(Session& session, const ListQuery& query) : session_(session), query_(query) {}

  void run(const std::function<void(Image&&)>& each, const std::stop_token& stop) {
    while (true) {
      Page page = next_page(stop);
      const bool news = take(page, each);
      // The length of a page says nothing: servers cut it as they like.
      if (!page.has_next || page.ids.empty()) return;
      if (!news || seen_.size() > kMaxImages) {
        throw HttpError(Operation::kList, 200, "GET /v2/images", "the listing has no end", {});
      }
      markers_ = std::move(page.ids);
    }
  }

 private:
  // Gives what was not on an earlier page, which makes it one image; whether there was anything.
  bool take(Page& page, const std::function<void(Image&&)>& each) {
    const std::size_t before = seen_.size();
    for (Image& image : page.images) {
      if (seen_.insert(uuid_of(image.id)).second && is_wanted(image)) each(std::move(image));
    }
    // Those, too, that make no sense.
    for (const std::string& id : page.ids) seen_.insert(uuid_of(id));
    return seen_.size() > before;
  }

  bool is_wanted(const Image& image) const {
    // Databases compare names as they like.
    if (query_.name && image.name != *query_.name) return false;
    // Our own shared images are listed with any status of members.
    return !query_.offers || image.owner != session_.identity().project_id;
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
  std::unordered_set<Uuid, UuidHash> seen_;
};

}  // namespace

void list_images(Session& session, const ListQuery& query, const std::function<void(Image&&)>& each,
                 const std::stop_token& stop) {
  if (query.offers && session.identity().is_admin) return;
  ImageListing(session, query).run(each, stop);
}

}  // namespace glancefs::client
