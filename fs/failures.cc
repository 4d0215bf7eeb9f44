#include "fs/failures.h"

#include <fmt/chrono.h>

#include <cstring>
#include <new>
#include <system_error>

#include "base/log.h"
#include "client/http.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kMostLines = 100;
// Enough for every file somebody may ask about soon; bounds what a hostile catalogue can make us
// keep.
constexpr std::size_t kMostNodes = 1000;

int errno_of_code(const std::error_code& code) {
  if (code == std::errc::operation_canceled) return EINTR;
  if (code.category() == std::generic_category() || code.category() == std::system_category()) {
    return code.value() > 0 ? code.value() : EIO;
  }
  return EIO;
}

std::string request_id_of(const std::exception_ptr& reason) {
  try {
    std::rethrow_exception(reason);
  } catch (const client::HttpError& error) {
    return error.request_id();
  } catch (...) {
    return {};
  }
}

// Refusals that are answers, not troubles: logging them would only bury the others.
bool is_ordinary(int error) {
  switch (error) {
    case ENOENT:
    case ENODATA:
    case ENOTSUP:
    case EEXIST:
    case EINTR:
    case ERANGE:
    case EISDIR:
    case ENOTDIR:
    case ENXIO:
    case ENAMETOOLONG:
      return true;
    default:
      return false;
  }
}

// Answers to what programs ask of any file without wanting to know why, such as attributes of other
// namespaces: they must not push out what somebody does want to know.
bool is_remembered(int error) {
  return error != ENOTSUP && error != ERANGE && error != ENXIO && error != ENOENT;
}

}  // namespace

int errno_of(const std::exception_ptr& reason) noexcept {
  try {
    std::rethrow_exception(reason);
  } catch (const std::system_error& error) {
    return errno_of_code(error.code());
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  } catch (...) {
    return EIO;
  }
}

std::string describe(const std::exception_ptr& reason) {
  try {
    std::rethrow_exception(reason);
  } catch (const client::HttpError& error) {
    std::string text = error.what();
    const std::string& id = error.request_id();
    if (!id.empty() && text.find(id) == std::string::npos) text += " (" + id + ")";
    return log::printable(text);
  } catch (const std::exception& error) {
    return log::printable(error.what());
  } catch (...) {
    return "unknown failure";
  }
}

int Failures::record(std::string_view operation, NodeId node, const std::exception_ptr& reason,
                     std::string_view image) noexcept {
  const int error = errno_of(reason);
  try {
    const std::string text = describe(reason);
    const std::string id = request_id_of(reason);
    const log::Level level = is_ordinary(error) ? log::Level::kDebug : log::Level::kWarning;
    if (log::enabled(level)) {
      const std::string what =
          image.empty() ? fmt::format("{:x}", node) : fmt::format("image {}", image);
      log::write(level, fmt::format("{} on {}: {}", operation, what, text),
                 {.request_id = id, .image = image, .error = error});
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    Lock lock(mutex_);
    if (is_remembered(error)) set_last(node, text);
    if (is_ordinary(error) && error != EINTR) return error;
    lines_.push_back(
        fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {}: {}", fmt::gmtime(now), operation, text));
    if (lines_.size() > kMostLines) lines_.pop_front();
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the errno still tells
  }
  return error;
}

void Failures::remember(NodeId node, const std::exception_ptr& reason) noexcept {
  try {
    Lock lock(mutex_);
    set_last(node, describe(reason));
  } catch (...) {  // NOLINT(bugprone-empty-catch): as above
  }
}

std::optional<std::string> Failures::last(NodeId node) const {
  Lock lock(mutex_);
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return std::nullopt;
  return found->second;
}

void Failures::clear(NodeId node) noexcept {
  Lock lock(mutex_);
  by_node_.erase(node);
}

std::string Failures::text() const {
  Lock lock(mutex_);
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

void Failures::set_last(NodeId node, std::string text) {
  if (by_node_.size() >= kMostNodes && !by_node_.contains(node)) by_node_.clear();
  by_node_[node] = std::move(text);
}

}  // namespace glancefs::fs
