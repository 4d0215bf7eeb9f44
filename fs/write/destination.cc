#include "fs/write/destination.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"
#include "client/import_state.h"

namespace glancefs::fs {
namespace {

constexpr std::string_view kStaging = "glance-direct";

}  // namespace

bool offers_import(client::Images& images, std::string_view method, std::stop_token stop) {
  const std::vector<std::string> methods = images.import_methods(std::move(stop));
  return std::ranges::find(methods, method) != methods.end();
}

Destination destination_of(const client::Image& image, const Destination& usual) {
  const std::string* set = client::find_property(image.properties, kStoresKey);
  if (set == nullptr) return usual;
  return {.import = usual.import, .stores = client::split_list(*set)};
}

void check_stores(const std::vector<std::string>& stores, client::Images& images,
                  std::stop_token stop) {
  if (stores.empty()) return;
  const auto known = images.stores(std::move(stop));
  for (const std::string& store : stores) {
    if (!known || std::ranges::find(*known, store) != known->end()) continue;
    const std::string name = log::printable(store);
    if (known->empty()) {
      throw_errno(EINVAL, "there is no store " + name + ": the site has no stores to choose from");
    }
    throw_errno(EINVAL, fmt::format("there is no store {}: the site has {}", name,
                                    log::printable(fmt::format("{}", fmt::join(*known, ", ")))));
  }
}

void check_destination(const Destination& destination, client::Images& images,
                       std::stop_token stop) {
  check_stores(destination.stores, images, stop);
  if (destination.imported() && !offers_import(images, kStaging, std::move(stop))) {
    throw_errno(EOPNOTSUPP, destination.stores.size() > 1
                                ? "the site offers no glance-direct imports, so that an image can "
                                  "be brought into one store only"
                                : "the site offers no glance-direct imports; upload=put is left");
  }
}

void throw_refused_upload(const client::HttpError& error, std::string_view image_id,
                          client::Images& images) {
  if (error.operation() != client::Operation::kUpload || error.status() != 403) throw error;
  bool advice = false;
  try {
    advice = offers_import(images, kStaging, {});
  } catch (const std::system_error& trouble) {
    log::debug("asking for the ways of import: {}", trouble.what());
  }
  if (!advice) throw error;
  throw client::HttpError(error.operation(), error.status(),
                          fmt::format("PUT /v2/images/{}/file", image_id),
                          error.message() +
                              "; the site offers imports, which may be allowed "
                              "instead: mount with upload=import",
                          error.request_id());
}

}  // namespace glancefs::fs
