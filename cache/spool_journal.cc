#include "cache/spool_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/log.h"
#include "cache/digest.h"
#include "cache/file_io.h"

namespace glancefs::cache {
namespace {

constexpr std::string_view kMagic = "glancefs spool 1\n";
constexpr std::string_view kHashAlgorithm = "sha256";
constexpr std::size_t kHashLength = 64;                        // in hex
constexpr std::uint64_t kLargestRecord = 16ULL * 1024 * 1024;  // properties are far smaller
constexpr std::size_t kIntegerLength = 8;

std::string hash_of(std::string_view bytes) {
  auto hasher = Hasher::create(kHashAlgorithm);
  if (!hasher) throw_errno(ENOTSUP, "this OpenSSL has no SHA-256");
  hasher->update(std::as_bytes(std::span(bytes)));
  return hasher->finish().hex;
}

void put(std::string& to, std::uint64_t number) {
  for (std::size_t i = 0; i < kIntegerLength; ++i) {
    to += static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
  }
}

void put(std::string& to, const std::string& text) {
  put(to, text.size());
  to += text;
}

/// Takes fields off the front; once one does not fit, all that follow are empty and good() is
/// false.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : left_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return good_ && left_.empty(); }

  std::uint64_t number() {
    std::uint64_t number = 0;
    const std::string_view bytes = take(kIntegerLength);
    for (std::size_t i = bytes.size(); i > 0; --i) {
      number = number << 8U | static_cast<unsigned char>(bytes[i - 1]);
    }
    return number;
  }
  std::string text() { return std::string(take(number())); }

 private:
  std::string_view take(std::uint64_t length) {
    good_ = good_ && length <= left_.size();
    if (!good_) return {};
    const std::string_view taken = left_.substr(0, length);
    left_.remove_prefix(length);
    return taken;
  }

  std::string_view left_;
  bool good_ = true;
};

/// For the next record; most are far smaller. Without it that one takes what disk there is then.
void set_disk_aside(const PrivateDirectory& directory, const std::string& draft) noexcept {
  constexpr off_t kRoom = 4096;
  try {
    const Fd file = directory.open_file(draft, O_WRONLY | O_CREAT);
    ::posix_fallocate(file.get(), 0, kRoom);
  } catch (const std::system_error& error) {
    log::debug("no disk for the next record: {}", error.what());
  }
}

}  // namespace

std::string encode(const SpoolRecord& record) {
  std::string bytes(kMagic);
  for (const auto* text : {&record.id, &record.cloud, &record.image_id, &record.directory,
                           &record.name, &record.error}) {
    put(bytes, *text);
  }
  put(bytes, static_cast<std::uint64_t>(record.state));
  put(bytes, static_cast<std::uint64_t>(record.changed.time_since_epoch().count()));
  put(bytes, record.properties.size());
  for (const auto& [key, value] : record.properties) {
    put(bytes, key);
    put(bytes, value);
  }
  put(bytes, std::uint64_t{record.found ? 1U : 0U});
  put(bytes, record.replaces);
  put(bytes, record.sent.size);
  put(bytes, static_cast<std::uint64_t>(record.sent.modified));
  return bytes + hash_of(bytes);
}

std::optional<SpoolRecord> decode(const std::string& bytes) {
  if (!bytes.starts_with(kMagic) || bytes.size() < kMagic.size() + kHashLength) return std::nullopt;
  const std::string_view body = std::string_view(bytes).substr(0, bytes.size() - kHashLength);
  if (std::string_view(bytes).substr(body.size()) != hash_of(body)) return std::nullopt;

  Fields fields(body.substr(kMagic.size()));
  SpoolRecord record;
  for (auto* text : {&record.id, &record.cloud, &record.image_id, &record.directory, &record.name,
                     &record.error}) {
    *text = fields.text();
  }
  const std::uint64_t state = fields.number();
  if (state > static_cast<std::uint64_t>(SpoolState::kArrived)) return std::nullopt;
  record.state = static_cast<SpoolState>(state);
  record.changed = std::chrono::system_clock::time_point(
      std::chrono::system_clock::duration(static_cast<std::int64_t>(fields.number())));
  for (std::uint64_t left = fields.number(); left > 0 && fields.good(); --left) {
    std::string key = fields.text();
    record.properties.emplace_back(std::move(key), fields.text());
  }
  // The first records ended here, later ones after each of the next fields.
  const auto goes_on = [&] { return fields.good() && !fields.at_end(); };
  record.found = goes_on() && fields.number() != 0;
  if (goes_on()) record.replaces = fields.text();
  if (goes_on()) {
    record.sent.size = fields.number();
    record.sent.modified = static_cast<std::int64_t>(fields.number());
  }
  if (!fields.at_end()) return std::nullopt;
  return record;
}

void write_record(const PrivateDirectory& directory, const SpoolRecord& record) {
  const std::string draft = spool_draft_name(record.id);
  try {
    const Fd file = directory.open_file(draft, O_WRONLY | O_CREAT);
    const std::string bytes = encode(record);
    write_at(file, 0, bytes_of(bytes));
    if (::ftruncate(file.get(), static_cast<off_t>(bytes.size())) != 0) {
      throw_errno(errno, "cannot cut " + directory.path_of(draft));
    }
    sync_file(file);
    directory.rename(draft, spool_record_name(record.id));
  } catch (...) {
    directory.remove(draft);
    set_disk_aside(directory, draft);
    throw;
  }
  set_disk_aside(directory, draft);
  directory.sync(".");
}

std::optional<SpoolRecord> read_record(const PrivateDirectory& directory, const std::string& id) {
  const Fd file = directory.open_file(spool_record_name(id), O_RDONLY);
  if (!file || size_of(file) > kLargestRecord) return std::nullopt;
  std::string bytes(size_of(file), '\0');
  bytes.resize(read_at(file, 0, std::as_writable_bytes(std::span(bytes))));
  auto record = decode(bytes);
  if (record && record->id != id) return std::nullopt;  // somebody renamed the file
  return record;
}

}  // namespace glancefs::cache
