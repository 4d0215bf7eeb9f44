// The way to Glance that takes two steps: the data are staged there, and the server brings them
// into one or more stores by itself.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "client/http.h"
#include "client/images.h"
#include "fs/upload.h"

namespace glancefs::fs {

struct StagedImportConfig {
  std::chrono::milliseconds poll_interval{1000};  ///< at first; grows a little
  /// How long nothing may change before an import counts as stuck. Glance tells once a minute how
  /// far it is, but not while it converts an image; it gives up an import after an hour itself.
  std::chrono::milliseconds patience{std::chrono::minutes(60)};
};

/// The import of one Upload, by one thread.
class StagedImport {
 public:
  /// `stores`: empty where the site keeps images by default. References must outlive it.
  StagedImport(const StagedImportConfig& config, client::Images& images, Upload& upload,
               std::vector<std::string> stores)
      : config_(config),
        images_(images),
        upload_(upload),
        stores_(std::move(stores)) {}

  /// Stages `data` and orders the import. Throws HttpError; the record then tells how far it came.
  void send(client::Source& data, std::stop_token stop);
  /// Whether `image` shows an import that somebody ordered and that may still end well.
  bool under_way(const client::Image& image) const;
  /// Watches until the import is over or has not moved for too long, and answers the last record;
  /// nullopt: the image was deleted. ECANCELED after `stop`: the server goes on by itself.
  std::optional<client::Image> wait(std::stop_token stop);
  /// Whether the server had an import to go on with when it was last heard of.
  bool runs() const noexcept { return runs_; }

  /// Whether `image` is where it should be.
  bool arrived(const client::Image& image) const;
  /// Throws why the import that left `image` so failed: ETIMEDOUT when it is stuck, EDQUOT, else
  /// EIO, with Glance's reason where it gives one.
  [[noreturn]] void fail(const client::Image& image, std::stop_token stop) const;

 private:
  std::optional<client::Task> last_task(std::stop_token stop) const;

  const StagedImportConfig& config_;
  client::Images& images_;
  Upload& upload_;
  const std::vector<std::string> stores_;
  bool runs_ = false;
};

}  // namespace glancefs::fs
