#include "fs/write/web_download.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "client/import_state.h"
#include "client/retry.h"
#include "fs/write/destination.h"
#include "fs/write/source_url.h"

namespace glancefs::fs {
namespace {

using client::HttpError;
using client::Image;

bool under_way(const Image& image) {
  return client::goes_on(client::import_state(image, {}).phase);
}

// Throws `error`, which is being handled, again: Glance's refusals repeat the whole address.
[[noreturn]] void throw_without_secrets(const HttpError& error, const std::string& id) {
  const std::string message = without_secrets(error.message());
  if (message == error.message() || error.status() == 0) throw;
  throw HttpError(error.operation(), error.status(), "POST /v2/images/" + id + "/import", message,
                  error.request_id());
}

bool never_made(const HttpError& error) {
  return error.operation() == client::Operation::kCreate && error.status() >= 400 &&
         error.status() < 500;
}

void withdraw(client::Images& images, const std::string& id) {
  try {
    images.remove(id, {});
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return;
    log::warning("image {} may be left without data: {}", id, error.what());
  }
}

Image present(std::optional<Image> image, const std::string& id) {
  if (!image) throw_errno(ESTALE, "image " + id + " was deleted meanwhile");
  return std::move(*image);
}

}  // namespace

void check_web_download(const WebDownload& download, client::Images& images, std::stop_token stop) {
  const std::vector<std::string> methods = images.import_methods(stop);
  if (std::ranges::find(methods, "web-download") == methods.end()) {
    throw_errno(EOPNOTSUPP,
                methods.empty()
                    ? "the site offers no imports"
                    : log::printable(fmt::format("the site offers no web-download imports, only {}",
                                                 fmt::join(methods, ", "))));
  }
  check_stores(download.stores, images, std::move(stop));
}

Image order_web_download(client::Images& images, const std::string& id, const WebDownload& download,
                         const std::stop_token& stop) {
  try {
    images.import_from(id, download.url, download.stores, stop);
  } catch (const HttpError& error) {
    if (!client::may_pass(error)) throw_without_secrets(error, id);
    // The answer may be lost although the order arrived.
    std::optional<Image> image = images.show(id, stop);
    if (!image || !under_way(*image)) throw_without_secrets(error, id);
    return std::move(*image);
  }
  return present(images.show(id, stop), id);
}

Image create_by_web_download(client::Images& images, const client::Draft& draft,
                             const WebDownload& download, const std::stop_token& stop) {
  try {
    images.create(draft, stop);
    return order_web_download(images, draft.id, download, stop);
  } catch (const HttpError& error) {
    if (!never_made(error)) withdraw(images, draft.id);
    throw;
  } catch (...) {
    withdraw(images, draft.id);
    throw;
  }
}

}  // namespace glancefs::fs
