#include "fs/command/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kBar = 20;
constexpr std::size_t kUsualWidth = 80;
constexpr std::chrono::milliseconds kPace{200};

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualWidth;
  return size.ws_col;
}

}  // namespace

std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::size_t width) {
  constexpr double kMiB = 1024.0 * 1024;
  const double part =
      total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * kBar);
  std::string line = fmt::format("{:3.0f}% [{:<{}}] {:.1f} of {:.1f} MiB  {}", part * 100,
                                 std::string(filled, '='), kBar, static_cast<double>(done) / kMiB,
                                 static_cast<double>(total) / kMiB, log::printable(what));
  if (line.size() <= width) return line;
  // Not within a character.
  line.resize(width);
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) {
    line.pop_back();
  }
  if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0U) line.pop_back();
  return line;
}

Progress::Progress(std::ostream& err) : err_(err), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) err_ << "\r\033[K" << std::flush;
}

void Progress::show(const std::string& what, std::uint64_t done, std::uint64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now < next_) return;
  next_ = now + kPace;
  shown_ = true;
  err_ << "\r" << progress_line(what, done, total, terminal_width() - 1) << "\033[K" << std::flush;
}

}  // namespace glancefs::fs
