// The way to Glance that takes two steps: the data are staged there, and the server brings them
// into one or more stores by itself.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "client/http.h"
#include "client/images.h"
#include "fs/write/import_watch.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

/// The import of one Upload, by one thread.
class StagedImport {
 public:
  /// `stores`: empty where the site keeps images by default. References must outlive it.
  StagedImport(const ImportWatchConfig& config, client::Images& images, Upload& upload,
               const std::vector<std::string>& stores)
      : images_(images),
        upload_(upload),
        stores_(stores),
        watch_(config, images, stores) {}

  /// Stages `data` and orders the import. Throws HttpError; the record then tells how far it came.
  void send(client::Source& data, std::stop_token stop);
  /// As those of ImportWatch.
  bool under_way(const client::Image& image) const { return watch_.under_way(image); }
  bool arrived(const client::Image& image) const { return watch_.arrived(image); }
  std::optional<client::Image> wait(std::stop_token stop);
  /// Whether the server had an import to go on with when it was last heard of.
  bool runs() const noexcept { return runs_; }

  /// Throws why the import that left `image` so failed: see ImportWatch. The image is about to be
  /// removed.
  [[noreturn]] void fail(const client::Image& image, std::stop_token stop) const;

 private:
  client::Images& images_;
  Upload& upload_;
  const std::vector<std::string> stores_;
  ImportWatch watch_;
  bool runs_ = false;
};

}  // namespace glancefs::fs
