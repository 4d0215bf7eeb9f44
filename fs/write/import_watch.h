// How an import that the server does by itself goes, from its order to its end.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "client/images.h"
#include "client/import_state.h"

namespace glancefs::fs {

struct ImportWatchConfig {
  std::chrono::milliseconds poll_interval{1000};  ///< at first; grows a little
  /// How long nothing may change before an import counts as stuck. Glance tells once a minute how
  /// far it is, but not while it converts an image; it gives up an import after an hour itself.
  std::chrono::milliseconds patience{std::chrono::minutes(60)};
};

/// How an import goes, for people: "running, left: slow, Copied 15 MiB".
std::string import_news(const client::ImportState& state, const std::optional<client::Task>& task);

/// Watches one import at a time, whatever its method, by the record and the tasks of its image. Not
/// thread-safe.
class ImportWatch {
 public:
  /// `stores`: those that the import is for; empty: whatever the site chooses. `images` must
  /// outlive it.
  ImportWatch(const ImportWatchConfig& config, client::Images& images,
              std::vector<std::string> stores)
      : config_(config),
        images_(images),
        stores_(std::move(stores)),
        interval_(config.poll_interval) {}

  /// What one look shows.
  struct View {
    std::optional<client::Image> image;  ///< nullopt: it was deleted
    bool over = false;                   ///< or has not moved for too long: see under_way()
    std::string news;                    ///< import_news()
  };

  /// The import of another image, or another one of the same, is watched from now on.
  void begin();
  /// Asks once. nullopt: the service is away for a while, the import need not be. Throws
  /// HttpError, and ECANCELED after `stop`.
  std::optional<View> look(const std::string& id, const std::stop_token& stop);
  /// How long to wait before the next look.
  std::chrono::milliseconds pause();

  /// Begins, and looks until it is over; `tell` hears the news of each look. Answers the last
  /// record; nullopt: the image was deleted. ECANCELED after `stop`: the server goes on by itself.
  std::optional<client::Image> wait(const std::string& id,
                                    const std::function<void(const std::string&)>& tell,
                                    const std::stop_token& stop);

  /// Whether `image` shows an import that somebody ordered and that may still end well.
  bool under_way(const client::Image& image) const;
  /// Whether `image` is where it should be.
  bool arrived(const client::Image& image) const;
  /// Throws why the import that left `image` so failed: ETIMEDOUT when it is stuck, EDQUOT, else
  /// EIO, with Glance's reason where it gives one. `when_stuck` or `when_failed` ends the text:
  /// what becomes of the image, or what can be done.
  [[noreturn]] void fail(const client::Image& image, std::string_view when_stuck,
                         const std::stop_token& stop, std::string_view when_failed = {}) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<client::Task> last_task(const std::string& id, const std::stop_token& stop) const;

  const ImportWatchConfig config_;
  client::Images& images_;
  const std::vector<std::string> stores_;
  std::chrono::milliseconds interval_;
  std::string seen_;           // the news that were new
  Clock::time_point moved_{};  // when
  bool begun_ = false;         // a sign of it has been seen
};

}  // namespace glancefs::fs
