// The words that options take as values: sizes, times, users, yes and no.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "client/images.h"

namespace glancefs::fs {

/// An amount of disk space: bytes, or a share of the file system it lies on.
struct Amount {
  std::uint64_t bytes = 0;
  unsigned percent = 0;  ///< 1 … 100; 0: `bytes` counts
  /// In bytes on a file system of `whole` bytes.
  std::uint64_t of(std::uint64_t whole) const noexcept;
  friend bool operator==(const Amount&, const Amount&) = default;
};

// Each function answers the value of a word, or throws std::invalid_argument whose text says what
// is expected and does not repeat the word (it may be a secret).

std::string parse_text(const std::string& word);
/// "10G", "512M", "80%": bytes with a binary suffix K M G T (KiB and KB are read as K), or percent.
Amount parse_amount(const std::string& word);
/// The same, but no share.
std::uint64_t parse_size(const std::string& word);
/// The same, 16M … 16G.
std::uint64_t parse_memory(const std::string& word);
/// "500ms", "30s", "5m", "2h", "1d"; a plain number is seconds. At most a year.
std::chrono::milliseconds parse_duration(const std::string& word);
/// The same, but a plain number is minutes, as in the NFS option of the name.
std::chrono::milliseconds parse_minutes(const std::string& word);
/// As parse_duration(), but not zero.
std::chrono::milliseconds parse_timeout(const std::string& word);
/// yes, true, on, 1; no, false, off, 0.
bool parse_flag(const std::string& word);
/// 1 … 64: more connections than that a server takes for an attack.
unsigned parse_connections(const std::string& word);
/// Names, separated by commas, or by colons, which need no quotes among mount options.
std::vector<std::string> parse_stores(const std::string& word);
/// public, private, shared, community: one or more, separated as names of stores are.
std::vector<client::Visibility> parse_visibilities(const std::string& word);
/// One of these, or "projects/NAME"; slashes at either end do not count.
std::string parse_subdirectory(const std::string& word);
/// Octal, 0 … 777.
mode_t parse_umask(const std::string& word);
/// A number, or a name of the password or group database.
uid_t parse_user(const std::string& word);
gid_t parse_group(const std::string& word);
/// a-z 0-9 _ - and at most 64 of them; whether there is such a format the site says.
std::string parse_format(const std::string& word);
log::Level parse_log_level(const std::string& word);

}  // namespace glancefs::fs
