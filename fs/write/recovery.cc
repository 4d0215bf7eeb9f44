#include "fs/write/recovery.h"

#include "base/log.h"
#include "fs/catalogue/names.h"
#include "fs/write/upload.h"

namespace glancefs::fs {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kLocalLife{24};

// Of a file whose image had arrived: whether it was written since. Then it is one of its own.
bool came_late(cache::Spool& spool) {
  if (spool.version() == spool.record().sent) return false;
  spool.update(late_record(spool.record()));
  return true;
}

}  // namespace

milliseconds local_life_left(std::chrono::system_clock::time_point recorded) {
  const auto age = std::chrono::system_clock::now() - recorded;
  return kLocalLife - std::chrono::duration_cast<milliseconds>(age);
}

std::vector<Recovery::File> Recovery::take_up(const std::stop_token& stop) {
  std::vector<File> files;
  for (std::unique_ptr<cache::Spool>& spool : spools_.recover(identity_)) {
    if (auto file = consider(std::move(spool), stop)) files.push_back(std::move(*file));
  }
  return files;
}

std::string Recovery::why_useless(const cache::Spool& spool, milliseconds left) const {
  const cache::SpoolRecord record = spool.record();
  if (how_ == Recover::kDiscard) return "recover=discard";
  if (record.state == cache::SpoolState::kWriting && spool.size() == 0) {
    return "nothing had been written";
  }
  if (is_local_name(record.name) && left <= milliseconds(0)) return "a temporary file of old";
  return {};
}

std::optional<Recovery::File> Recovery::consider(std::unique_ptr<cache::Spool> spool,
                                                 const std::stop_token& stop) {
  if (spool->record().state == cache::SpoolState::kArrived && !came_late(*spool)) {
    spool->discard();
    return std::nullopt;
  }
  const cache::SpoolRecord record = spool->record();
  const bool unfinished = record.state == cache::SpoolState::kWriting;
  const bool local = is_local_name(record.name);
  const milliseconds left = local_life_left(record.changed);
  const std::string useless = why_useless(*spool, left);
  if (!useless.empty()) {
    drop(*spool, useless, stop);
    return std::nullopt;
  }
  log::info("{}/{}: found in the journal, {} bytes", record.directory, log::printable(record.name),
            spool->size());
  File file{.spool = std::move(spool),
            .image = image_of_record(record),
            .due = std::nullopt,
            .why_not = {}};
  if (local) {
    file.due = left;
  } else if (!unfinished && how_ == Recover::kAuto) {
    file.due = milliseconds(0);
  } else {
    file.why_not = "kept by recover=keep";
    // Whoever kept it, or failed with it, has said why.
    if (unfinished) file.why_not = record.error;
    if (file.why_not.empty()) {
      file.why_not = "the mount ended while this was being written; it may be half of it";
    }
  }
  return file;
}

void Recovery::drop(cache::Spool& spool, const std::string& why, const std::stop_token& stop) {
  const cache::SpoolRecord record = spool.record();
  log::warning("{}/{}: {} bytes found in the journal are removed: {}", record.directory,
               log::printable(record.name), spool.size(), why);
  // The first listing may hold it already. What was to replace an image is hidden until it does.
  using enum Publisher::Withdraw;
  const auto what = record.replaces.empty() ? kUnfinished : kUnseen;
  if (record.state != cache::SpoolState::kWriting && !record.found &&
      publisher_.withdraw(record.image_id, what, stop)) {
    tree_.erase(record.image_id);
  }
  spool.discard();
}

}  // namespace glancefs::fs
