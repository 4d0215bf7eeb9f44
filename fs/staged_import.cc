#include "fs/staged_import.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "client/import_state.h"
#include "client/retry.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::ImportPhase;
using client::ImportState;
using client::Task;
using Clock = std::chrono::steady_clock;

// An import takes minutes; its end need not be seen in the same second.
constexpr std::chrono::milliseconds kLongestInterval{5000};

bool is_over(ImportPhase phase, const std::optional<Task>& task) {
  switch (phase) {
    case ImportPhase::kDone:
    case ImportPhase::kFailed:
      return true;
    case ImportPhase::kNone:
      // Without a sign in the record: refused by a quota before it began.
      return task && task->status == "failure";
    default:
      return false;
  }
}

std::string joined(const std::vector<std::string>& list) {
  return fmt::format("{}", fmt::join(list, ", "));
}

std::string news_of(const ImportState& state, const std::optional<Task>& task) {
  std::string text = state.phase == ImportPhase::kRunning ? "running" : "waiting";
  if (!state.left.empty()) text += ", left: " + joined(state.left);
  if (task && !task->message.empty()) text += ", " + task->message;
  return text;
}

}  // namespace

void StagedImport::send(client::Source& data, std::stop_token stop) {
  const std::string id = upload_.id();
  images_.stage(id, data, stop);
  images_.import_staged(id, stores_, std::move(stop));
  runs_ = true;
}

bool StagedImport::under_way(const Image& image) const {
  const ImportPhase phase = client::import_state(image, stores_).phase;
  return phase == ImportPhase::kWaiting || phase == ImportPhase::kRunning;
}

bool StagedImport::arrived(const Image& image) const {
  return client::import_state(image, stores_).phase == ImportPhase::kDone;
}

std::optional<Task> StagedImport::last_task(std::stop_token stop) const {
  try {
    std::vector<Task> tasks = images_.tasks(upload_.id(), std::move(stop));
    if (!tasks.empty()) return std::move(tasks.back());
  } catch (const client::HttpError& error) {
    // The record alone tells enough.
    log::debug("the tasks of image {}: {}", upload_.id(), error.what());
  }
  return std::nullopt;
}

std::optional<Image> StagedImport::wait(std::stop_token stop) {
  runs_ = true;
  std::string seen;
  auto moved = Clock::now();
  std::chrono::milliseconds interval = config_.poll_interval;
  while (true) {
    const bool patient = Clock::now() - moved < config_.patience;
    try {
      std::optional<Image> image = images_.show(upload_.id(), stop);
      if (!image) {
        runs_ = false;
        return image;
      }
      const ImportState state = client::import_state(*image, stores_);
      const std::optional<Task> task = last_task(stop);
      if (is_over(state.phase, task) || !patient) {
        runs_ = false;
        return image;
      }
      const std::string news = news_of(state, task);
      upload_.importing(news);
      if (news != std::exchange(seen, news)) moved = Clock::now();
    } catch (const client::HttpError& error) {
      // The service is away for a while; the import need not be.
      if (!client::may_pass(error) || !patient) throw;
      log::debug("watching the import of image {}: {}", upload_.id(), error.what());
    }
    client::pause(interval, stop);
    interval = std::min(interval + interval / 4, std::max(kLongestInterval, config_.poll_interval));
  }
}

void StagedImport::fail(const Image& image, std::stop_token stop) const {
  const ImportState state = client::import_state(image, stores_);
  if (under_way(image)) {
    throw_errno(
        ETIMEDOUT,
        fmt::format("the import of image {} has not moved for {} s; it has been removed", image.id,
                    std::chrono::floor<std::chrono::seconds>(config_.patience).count()));
  }
  std::string text = "the import of image " + image.id;
  if (!state.failed.empty()) text += " into " + joined(state.failed);
  text += " failed";
  const std::optional<Task> task = last_task(std::move(stop));
  if (task && !task->message.empty()) text += ": " + task->message;
  const bool quota = task && task->message.find("over a limit") != std::string::npos;
  throw_errno(quota ? EDQUOT : EIO, log::printable(text));
}

}  // namespace glancefs::fs
