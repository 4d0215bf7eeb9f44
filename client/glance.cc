#include "client/glance.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "client/change.h"
#include "client/glance_request.h"
#include "client/image_download.h"
#include "client/image_json.h"
#include "client/image_listing.h"
#include "client/image_transfer.h"
#include "client/retry.h"
#include "client/site_json.h"

namespace glancefs::client {
namespace {

Image record_in(const Response& answer, Operation operation, const std::string& request,
                std::string_view id) {
  auto image = parse_image(answer.body);
  if (!image || image->id != id)
    not_as_asked(operation, request, answer, "not that image's record");
  return *std::move(image);
}

Request data_request(std::string path) {
  Request request = request_for("PUT", std::move(path));
  // Exactly this, in lower case, or it is refused.
  request.headers.add("Content-Type", "application/octet-stream");
  return request;
}

void refuse_collisions(const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (collides_with_glance(change.key)) {
      throw_errno(EINVAL, "Glance cannot store a property called " + change.key);
    }
  }
}

}  // namespace

void Glance::list(const ListQuery& query, const std::function<void(Image&&)>& each,
                  std::stop_token stop) {
  list_images(session_, query, each, stop);
}

std::optional<Image> Glance::show(std::string_view id, std::stop_token stop) {
  if (!is_uuid(id)) return std::nullopt;
  const std::string path = image_path(id);
  try {
    const Response answer = session_.call(request_for("GET", path), Operation::kShow, true, nullptr,
                                          nullptr, std::move(stop));
    return record_in(answer, Operation::kShow, "GET " + path, id);
  } catch (const HttpError& error) {
    if (error.status() != 404) throw;
    return std::nullopt;
  }
}

Delivery Glance::download(const Image& image, ByteRange range, Sink& sink, std::stop_token stop) {
  if (!image.size || range.length == 0 || range.length > *image.size ||
      range.offset > *image.size - range.length) {
    throw_errno(EINVAL, "a download outside the image");
  }
  TransferGuard guard(image, range, sink);
  try {
    // A plain GET of all of it is what Glance's own cache helps with.
    download_image(session_, guard, image.id, range.length != *image.size, stop);
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
  download_image(session_, guard, image.id, false, stop);
}

Image Glance::create(const Draft& draft, std::stop_token stop) {
  refuse_collisions(draft.fields);
  Request request = json_request("POST", "/v2/images", draft_json(draft));
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

void Glance::upload(std::string_view id, Source& data, std::string_view store,
                    std::stop_token stop) {
  Request request = data_request(image_path(id) + "/file");
  if (!store.empty()) request.headers.add("X-Image-Meta-Store", std::string(store));
  session_.call(std::move(request), Operation::kUpload, false, &data, nullptr, std::move(stop));
}

void Glance::stage(std::string_view id, Source& data, std::stop_token stop) {
  session_.call(data_request(image_path(id) + "/stage"), Operation::kUpload, false, &data, nullptr,
                std::move(stop));
}

std::vector<Task> Glance::tasks(std::string_view id, std::stop_token stop) {
  const std::string path = image_path(id) + "/tasks";
  const auto answer = optional_answer(session_, path, std::move(stop));
  if (!answer) return {};
  auto tasks = parse_tasks(answer->body);
  if (!tasks) not_as_asked(Operation::kOther, "GET " + path, *answer, "not a list of tasks");
  return *std::move(tasks);
}

Image Glance::update(std::string_view id, const std::vector<Change>& changes,
                     std::stop_token stop) {
  refuse_collisions(changes);
  const std::string path = image_path(id);
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
  const std::string path = image_path(id);
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
  const std::string path = "/v2/info/usage";
  const auto answer = optional_answer(session_, path, std::move(stop));
  if (!answer) return {};  // before 2.13, or no limits here
  const auto quota = parse_usage(answer->body);
  if (!quota) not_as_asked(Operation::kOther, "GET " + path, *answer, "not a usage");
  return *quota;
}

std::optional<std::vector<std::string>> Glance::stores(std::stop_token stop) {
  const std::string path = "/v2/info/stores";
  try {
    const auto answer = optional_answer(session_, path, std::move(stop));
    if (!answer) return std::vector<std::string>();  // one store, without a name
    auto stores = parse_stores(answer->body);
    if (!stores) not_as_asked(Operation::kOther, "GET " + path, *answer, "not a list of stores");
    return *std::move(stores);
  } catch (const HttpError& error) {
    if (error.status() != 403) throw;
    return std::nullopt;
  }
}

Site Glance::site(std::stop_token stop) {
  const Response schema = session_.call(request_for("GET", "/v2/schemas/image"), Operation::kOther,
                                        false, nullptr, nullptr, stop);
  auto site = parse_schema(schema.body);
  if (!site) {
    not_as_asked(Operation::kOther, "GET /v2/schemas/image", schema, "not the schema of images");
  }
  try {
    const Response versions = session_.call(request_for("GET", "/versions"), Operation::kOther,
                                            false, nullptr, nullptr, std::move(stop));
    site->api_minor = parse_versions(versions.body);
  } catch (const HttpError& error) {
    // Frontends may pass on /v2 alone.
    log::debug("the versions of the image service are not known: {}", error.what());
  }
  return *std::move(site);
}

std::vector<std::string> Glance::import_methods(std::stop_token stop) {
  const std::string path = "/v2/info/import";
  const auto answer = optional_answer(session_, path, std::move(stop));
  if (!answer) return {};  // before 2.6
  auto methods = parse_import_methods(answer->body);
  if (!methods) not_as_asked(Operation::kOther, "GET " + path, *answer, "not import methods");
  return *std::move(methods);
}

}  // namespace glancefs::client
