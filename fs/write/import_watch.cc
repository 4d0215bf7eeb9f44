#include "fs/write/import_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "client/retry.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::ImportPhase;
using client::ImportState;
using client::Task;

// An import takes minutes; its end need not be seen in the same second.
constexpr std::chrono::milliseconds kLongestInterval{5000};

std::string joined(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, ", "));
}

}  // namespace

std::string import_news(const ImportState& state, const std::optional<Task>& task) {
  std::string text = state.phase == ImportPhase::kRunning ? "running" : "waiting";
  if (!state.left.empty()) text += ", left: " + joined(state.left);
  if (task && !task->message.empty()) text += ", " + task->message;
  return text;
}

void ImportWatch::begin() {
  interval_ = config_.poll_interval;
  seen_.clear();
  moved_ = Clock::now();
  begun_ = false;
}

bool ImportWatch::under_way(const Image& image) const {
  return client::goes_on(client::import_state(image, stores_).phase);
}

bool ImportWatch::arrived(const Image& image) const {
  return client::import_state(image, stores_).phase == ImportPhase::kDone;
}

std::optional<Task> ImportWatch::last_task(const std::string& id,
                                           const std::stop_token& stop) const {
  try {
    std::vector<Task> tasks = images_.tasks(id, stop);
    if (!tasks.empty()) return std::move(tasks.back());
  } catch (const client::HttpError& error) {
    // The record alone tells enough.
    log::debug("the tasks of image {}: {}", id, error.what());
  }
  return std::nullopt;
}

std::optional<ImportWatch::View> ImportWatch::look(const std::string& id,
                                                   const std::stop_token& stop) {
  const bool patient = Clock::now() - moved_ < config_.patience;
  try {
    std::optional<Image> image = images_.show(id, stop);
    if (!image) return View{.image = std::nullopt, .over = true, .news = {}};
    const ImportState state = client::import_state(*image, stores_);
    const std::optional<Task> task = last_task(id, stop);
    // Without a sign in the record it may have been refused by a quota before it began.
    const bool vanished =
        state.phase == ImportPhase::kNone && (begun_ || (task && task->status == "failure"));
    begun_ = begun_ || client::goes_on(state.phase);
    const bool ended =
        state.phase == ImportPhase::kDone || state.phase == ImportPhase::kFailed || vanished;
    std::string news = import_news(state, task);
    if (news != seen_) moved_ = Clock::now();
    seen_ = news;
    return View{.image = std::move(image), .over = ended || !patient, .news = std::move(news)};
  } catch (const client::HttpError& error) {
    if (!client::may_pass(error) || !patient) throw;
    log::debug("watching the import of image {}: {}", id, error.what());
    return std::nullopt;
  }
}

std::chrono::milliseconds ImportWatch::pause() {
  const auto now = interval_;
  interval_ = std::min(now + now / 4, std::max(kLongestInterval, config_.poll_interval));
  return now;
}

std::optional<Image> ImportWatch::wait(const std::string& id,
                                       const std::function<void(const std::string&)>& tell,
                                       const std::stop_token& stop) {
  begin();
  while (true) {
    std::optional<View> view = look(id, stop);
    if (view && view->over) return std::move(view->image);
    if (view) tell(view->news);
    client::pause(pause(), stop);
  }
}

void ImportWatch::fail(const Image& image, std::string_view when_stuck, const std::stop_token& stop,
                       std::string_view when_failed) const {
  const ImportState state = client::import_state(image, stores_);
  const bool stuck = client::goes_on(state.phase);
  std::string text = "the import of image " + image.id;
  bool quota = false;
  if (stuck) {
    text += fmt::format(" has not moved for {} s",
                        std::chrono::floor<std::chrono::seconds>(config_.patience).count());
  } else {
    if (!state.failed.empty()) text += " into " + joined(state.failed);
    text += " failed";
    const std::optional<Task> task = last_task(image.id, stop);
    if (task && !task->message.empty()) text += ": " + task->message;
    quota = task && task->message.find("over a limit") != std::string::npos;
  }
  const int error = quota ? EDQUOT : EIO;
  const std::string_view more = stuck ? when_stuck : when_failed;
  if (!more.empty()) text += fmt::format("; {}", more);
  throw_errno(stuck ? ETIMEDOUT : error, log::printable(text));
}

}  // namespace glancefs::fs
