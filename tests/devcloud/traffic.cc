#include "tests/devcloud/traffic.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace glancefs::devcloud {
namespace {

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0)
      return false;
  }
  return true;
}

}  // namespace

std::string path_pattern(std::string_view path) {
  std::string out;
  for (const std::string& part : split(path, '/')) {
    out += is_uuid(part) ? "{id}" : part;
    out += '/';
  }
  out.pop_back();
  return out;
}

void Traffic::bump() {
  ++version_;
  change_.notify_all();
}

LogEntry* Traffic::at(std::size_t index) {
  return index < cleared_ ? nullptr : &log_.at(index - cleared_);
}

int Traffic::connected() {
  const Lock lock(mutex_);
  ++open_;
  bump();
  return ++connections_;
}

int Traffic::connections() const {
  const Lock lock(mutex_);
  return connections_;
}

int Traffic::open_connections() const {
  const Lock lock(mutex_);
  return open_;
}

void Traffic::disconnected() {
  const Lock lock(mutex_);
  --open_;
  bump();
}

std::size_t Traffic::begin(LogEntry entry) {
  entry.pattern = path_pattern(entry.path);
  const Lock lock(mutex_);
  log_.push_back(std::move(entry));
  bump();
  return cleared_ + log_.size() - 1;
}

void Traffic::received(std::size_t index, std::size_t bytes) {
  const Lock lock(mutex_);
  if (LogEntry* entry = at(index)) entry->received += bytes;
  bump();
}

void Traffic::sent(std::size_t index, std::size_t bytes) {
  const Lock lock(mutex_);
  if (LogEntry* entry = at(index)) entry->sent += bytes;
  bump();
}

void Traffic::answered(std::size_t index, int status) {
  const Lock lock(mutex_);
  if (LogEntry* entry = at(index)) entry->status = status;
  bump();
}

void Traffic::finished(std::size_t index) {
  const Lock lock(mutex_);
  if (LogEntry* entry = at(index)) entry->finished = true;
  bump();
}

void Traffic::changed() {
  const Lock lock(mutex_);
  bump();
}

std::vector<LogEntry> Traffic::log() const {
  const Lock lock(mutex_);
  return log_;
}

std::size_t Traffic::count(std::string_view method, std::string_view pattern) const {
  const Lock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(log_.begin(), log_.end(), [&](const LogEntry& e) {
    return (method.empty() || e.method == method) && (pattern.empty() || e.pattern == pattern);
  }));
}

void Traffic::clear() {
  const Lock lock(mutex_);
  cleared_ += log_.size();
  log_.clear();
}

bool Traffic::wait_until(const std::function<bool()>& predicate,
                         std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::uint64_t seen = 0;
    {
      const Lock lock(mutex_);
      seen = version_;
    }
    if (predicate()) return true;
    const Lock lock(mutex_);
    while (version_ == seen)
      if (!change_.wait_until(mutex_, deadline) && version_ == seen) return false;
  }
}

}  // namespace glancefs::devcloud
