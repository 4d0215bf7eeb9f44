#include "fs/fuse/log.h"

#include <fuse_log.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/log.h"

namespace glancefs::fs {
namespace {

thread_local FuseComplaint* complaint = nullptr;

log::Level level_of(fuse_log_level level) {
  if (level <= FUSE_LOG_ERR) return log::Level::kError;
  if (level == FUSE_LOG_WARNING) return log::Level::kWarning;
  return level == FUSE_LOG_DEBUG ? log::Level::kDebug : log::Level::kInfo;
}

void write_line(fuse_log_level level, const char* format, va_list arguments) {
  const log::Level ours = level_of(level);
  if (complaint == nullptr && !log::enabled(ours)) return;
  std::array<char, 1024> line{};
  const int wanted = std::vsnprintf(line.data(), line.size(), format, arguments);
  if (wanted <= 0) return;
  std::string_view text(line.data(),
                        std::min<std::size_t>(static_cast<std::size_t>(wanted), line.size() - 1));
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (complaint != nullptr && ours == log::Level::kError) {
    complaint->add(std::string(text));
  } else {
    log::write(ours, text);
  }
}

// libfuse is C: nothing may be thrown through it.
void on_line(fuse_log_level level, const char* format, va_list arguments) noexcept {
  try {
    write_line(level, format, arguments);
  } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory; the line is lost
  }
}

}  // namespace

FuseComplaint::FuseComplaint() noexcept { complaint = this; }
FuseComplaint::~FuseComplaint() { complaint = nullptr; }

void FuseComplaint::add(const std::string& text) {
  static constexpr std::string_view kPrefix = "fuse: ";
  if (!text_.empty()) text_ += "; ";
  text_ += text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
}

void adopt_fuse_log() noexcept { fuse_set_log_func(on_line); }

}  // namespace glancefs::fs
