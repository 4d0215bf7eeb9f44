#include "fs/mount/option_table.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <stdexcept>
#include <utility>
#include <vector>

namespace glancefs::fs {
namespace {

template <auto Member, auto Parse>
void store(Options& options, const Option& /*row*/, const std::string& value) {
  options.*Member = Parse(value);
}

void to_cloud(Options& options, const Option& row, const std::string& value) {
  options.cloud_overrides[environment_name(row)] = value;
}

/// The value of `word`. Throws std::invalid_argument, naming the words there are.
template <typename Value>
Value choose(std::string_view word,
             std::initializer_list<std::pair<std::string_view, Value>> choices) {
  std::string expected = "expected ";
  std::size_t left = choices.size();
  for (const auto& [name, value] : choices) {
    if (word == name) return value;
    expected += name;
    --left;
    if (left > 0) expected += left == 1 ? " or " : ", ";
  }
  throw std::invalid_argument(expected);
}

XattrList parse_xattrs(const std::string& word) {
  return choose<XattrList>(word, {{"all", XattrList::kAll}, {"settable", XattrList::kSettable}});
}

bool parse_properties(const std::string& word) {
  return choose<bool>(word, {{"free", false}, {"checked", true}});
}

Verify parse_verify(const std::string& word) {
  return choose<Verify>(
      word, {{"full", Verify::kFull}, {"later", Verify::kLater}, {"strict", Verify::kStrict}});
}

bool parse_direct(const std::string& word) {
  return choose<bool>(word, {{"file", true}, {"no", false}});
}

Recover parse_recover(const std::string& word) {
  return choose<Recover>(
      word, {{"auto", Recover::kAuto}, {"keep", Recover::kKeep}, {"discard", Recover::kDiscard}});
}

bool parse_overwrite(const std::string& word) {
  return choose<bool>(word, {{"no", false}, {"replace", true}});
}

Replaced parse_replaced(const std::string& word) {
  return choose<Replaced>(word, {{"hide", Replaced::kHide}, {"delete", Replaced::kDelete}});
}

bool parse_upload(const std::string& word) {
  return choose<bool>(word, {{"put", false}, {"import", true}});
}

bool parse_import(const std::string& word) {
  return choose<bool>(word, {{"symlink", true}, {"no", false}});
}

log::Format parse_log_format(const std::string& word) {
  return choose<log::Format>(word, {{"text", log::Format::kText}, {"json", log::Format::kJson}});
}

bool parse_passthrough(const std::string& word) {
  return choose<bool>(word, {{"auto", true}, {"no", false}});
}

using enum OptionGroup;
using enum OptionKind;

// clang-format off
constexpr std::array kTable{
  Option{kMount, kFlag, "ro", "", "no", "refuse every change", store<&Options::read_only, parse_flag>},
  Option{kMount, kFlag, "allow-other", "", "no", "let other users in; as a user this needs user_allow_other in /etc/fuse.conf", store<&Options::allow_other, parse_flag>},
  Option{kMount, kFlag, "offline", "", "no", "when the cloud does not answer, mount what was last seen of it", store<&Options::offline, parse_flag>},
  Option{kMount, kFlag, "bg", "", "no", "when nobody answers at the start, go on trying in the background", store<&Options::background, parse_flag>},
  Option{kMount, kValue, "retry", "MINUTES", "10000", "how long bg goes on trying", store<&Options::retry, parse_minutes>},
  Option{kMount, kFlag, "auto-unmount", "", "", "unmount when the daemon dies (default: yes, but no for root)", store<&Options::auto_unmount, parse_flag>},
  Option{kMount, kValue, "mount-timeout", "TIME", "60s", "give up when the mount is not usable after this long in the background", store<&Options::mount_timeout, parse_timeout>},
  Option{kMount, kValue, "shutdown-timeout", "TIME", "60s", "after unmounting or SIGTERM, wait this long for uploads", store<&Options::shutdown_timeout, parse_duration>},
  Option{kMount, kPath, "config", "FILE", "", "read this configuration file and no other; none: read none", store<&Options::config, parse_text>, "none"},

  Option{kFiles, kValue, "uid", "USER", "", "owner of the files (default: who mounts)", store<&Options::uid, parse_user>},
  Option{kFiles, kValue, "gid", "GROUP", "", "group of the files (default: that of who mounts)", store<&Options::gid, parse_group>},
  Option{kFiles, kValue, "umask", "OCTAL", "022", "permissions taken away from the files", store<&Options::umask, parse_umask>},
  Option{kFiles, kValue, "upload-delay", "TIME", "5s", "send files that no close could send so long after their last writer has gone", store<&Options::upload_delay, parse_duration>},
  Option{kFiles, kFlag, "delete", "", "yes", "let rm delete images", store<&Options::removal, parse_flag>},
  Option{kFiles, kValue, "overwrite", "HOW", "no", "writing or renaming over an image: no, or replace it by a new one", store<&Options::replace, parse_overwrite>, "no replace"},
  Option{kFiles, kValue, "replaced", "HOW", "hide", "what then becomes of the old one, once the new one is whole: hide or delete", store<&Options::replaced, parse_replaced>, "hide delete"},
  Option{kFiles, kFlag, "hidden", "", "no", "show images that are marked as hidden, too", store<&Options::hidden, parse_flag>},
  Option{kFiles, kFlag, "all-projects", "", "no", "show other projects' images under projects/; needs an administrator's login", store<&Options::all_projects, parse_flag>},
  Option{kFiles, kValue, "visibility", "WHICH", "", "the only images to show, as in public:private (default: all)", store<&Options::visibilities, parse_visibilities>, "public private shared community"},
  Option{kFiles, kValue, "subdir", "DIR", "", "mount only this directory, such as public or projects/PROJECT", store<&Options::subdirectory, parse_subdirectory>, "public private shared community"},
  Option{kFiles, kValue, "xattrs", "WHICH", "all", "extended attributes that are listed: all, or settable for rsync -X", store<&Options::xattrs, parse_xattrs>, "all settable"},
  Option{kFiles, kValue, "properties", "HOW", "free", "values of properties: free, or checked against the site's metadata definitions", store<&Options::check_properties, parse_properties>, "free checked"},
  Option{kFiles, kValue, "disk-format", "NAME", "raw", "disk_format of new images whose bytes do not tell", store<&Options::disk_format, parse_format>},
  Option{kFiles, kValue, "container-format", "NAME", "bare", "container_format of such images", store<&Options::container_format, parse_format>},
  Option{kFiles, kValue, "upload", "WAY", "put", "how files get to Glance: put, or import where that is allowed instead", store<&Options::upload_by_import, parse_upload>, "put import"},
  Option{kFiles, kValue, "stores", "STORES", "", "where they are kept there, as in fast:slow (default: the site's default store)", store<&Options::stores, parse_stores>},
  Option{kFiles, kValue, "import", "HOW", "no", "symlink: `ln -s URL FILE` has Glance fetch the image from there", store<&Options::import_links, parse_import>, "symlink no"},

  Option{kCache, kPath, "cache-dir", "DIR", "", "where image data are kept (default: /var/cache/glancefs or ~/.cache/glancefs)", store<&Options::cache_directory, parse_text>},
  Option{kCache, kValue, "cache-size", "SIZE", "25%", "most that is kept there: 10G, or a share of the file system", store<&Options::cache_size, parse_amount>},
  Option{kCache, kValue, "cache-min-free", "SIZE", "5%", "space that is left free there", store<&Options::cache_min_free, parse_amount>},
  Option{kCache, kValue, "memory-limit", "SIZE", "64M", "memory to do with; half of it holds image data the cache cannot keep", store<&Options::memory_limit, parse_memory>},
  Option{kCache, kValue, "verify", "WHEN", "full", "reads wait for the hash: full, once all is here; later, never; strict, from the start", store<&Options::verify, parse_verify>, "full later strict"},
  Option{kCache, kValue, "direct", "WHAT", "no", "file: read images from a file store that this machine can reach", store<&Options::direct_files, parse_direct>, "file no"},
  Option{kCache, kPath, "state-dir", "DIR", "", "where unfinished uploads wait (default: /var/lib/glancefs or ~/.local/state/glancefs)", store<&Options::state_directory, parse_text>},
  Option{kCache, kValue, "spool-size", "SIZE", "0", "most that waits there, as in 20G; 0: what the disk holds", store<&Options::spool_size, parse_size>},
  Option{kCache, kValue, "recover", "WHAT", "auto", "unfinished uploads of earlier mounts: auto sends, keep waits, discard removes", store<&Options::recover, parse_recover>, "auto keep discard"},
  Option{kCache, kValue, "passthrough", "WHEN", "auto", "let the kernel read complete images and write new ones: auto where it can, or no", store<&Options::passthrough, parse_passthrough>, "auto no"},

  Option{kNetwork, kValue, "metadata-ttl", "TIME", "30s", "age at which the catalogue is asked for changes", store<&Options::metadata_ttl, parse_duration>},
  Option{kNetwork, kValue, "connections", "N", "8", "parallel downloads, 1 to 64", store<&Options::connections, parse_connections>},
  Option{kNetwork, kValue, "uploads", "N", "4", "parallel uploads, 1 to 64", store<&Options::uploads, parse_connections>},
  Option{kNetwork, kValue, "limit-download", "SIZE", "0", "most bytes per second for all downloads together, as in 20M; 0 is no limit", store<&Options::download_limit, parse_size>},
  Option{kNetwork, kValue, "limit-upload", "SIZE", "0", "the same for all uploads together", store<&Options::upload_limit, parse_size>},
  Option{kNetwork, kValue, "connect-timeout", "TIME", "10s", "longest wait for a connection", store<&Options::connect_timeout, parse_timeout>},
  Option{kNetwork, kValue, "timeout", "TIME", "20s", "longest silence of a server", store<&Options::timeout, parse_timeout>},

  Option{kLog, kPath, "log", "TARGET", "auto", "stderr, syslog, journal or a file; auto: stderr in foreground, else journal or syslog", store<&Options::log, parse_text>, "auto stderr syslog journal"},
  Option{kLog, kValue, "log-level", "LEVEL", "warning", "error, warning, info, debug or trace", store<&Options::log_level, parse_log_level>, "error warning info debug trace"},
  Option{kLog, kValue, "log-format", "FORMAT", "text", "text, or json: an object per line", store<&Options::log_format, parse_log_format>, "text json"},
  Option{kLog, kFlag, "http-debug", "", "no", "log each request to the cloud (method, URL, status, time, bytes), from level info on", store<&Options::http_debug, parse_flag>},
  Option{kLog, kPath, "metrics-listen", "WHERE", "", "serve Prometheus metrics on 127.0.0.1:PORT, [::1]:PORT or unix:PATH", store<&Options::metrics_listen, parse_listen_address>},

  Option{kCloud, kValue, "os-cloud", "NAME", "", "the cloud in clouds.yaml", store<&Options::cloud, parse_text>},
  Option{kCloud, kValue, "os-auth-type", "TYPE", "", "how to log in: password, token, v3applicationcredential, v3totp, none …", to_cloud},
  Option{kCloud, kValue, "os-auth-url", "URL", "", "Keystone", to_cloud},
  Option{kCloud, kValue, "os-username", "NAME", "", "user", to_cloud},
  Option{kCloud, kValue, "os-user-id", "ID", "", "user by id", to_cloud},
  Option{kCloud, kValue, "os-user-domain-name", "NAME", "", "domain of the user", to_cloud},
  Option{kCloud, kValue, "os-user-domain-id", "ID", "", "domain of the user by id", to_cloud},
  Option{kCloud, kSecret, "os-password", "PASSWORD", "", "password (better kept in clouds.yaml)", to_cloud},
  Option{kCloud, kSecret, "os-passcode", "CODE", "", "one-time password", to_cloud},
  Option{kCloud, kSecret, "os-token", "TOKEN", "", "a token made before", to_cloud},
  Option{kCloud, kValue, "os-application-credential-id", "ID", "", "application credential", to_cloud},
  Option{kCloud, kValue, "os-application-credential-name", "NAME", "", "application credential of the user by name", to_cloud},
  Option{kCloud, kSecret, "os-application-credential-secret", "SECRET", "", "its secret", to_cloud},
  Option{kCloud, kValue, "os-project-name", "NAME", "", "project", to_cloud},
  Option{kCloud, kValue, "os-project-id", "ID", "", "project by id", to_cloud},
  Option{kCloud, kValue, "os-project-domain-name", "NAME", "", "domain of the project", to_cloud},
  Option{kCloud, kValue, "os-project-domain-id", "ID", "", "domain of the project by id", to_cloud},
  Option{kCloud, kValue, "os-default-domain", "ID", "", "domain of user and project where none is given", to_cloud},
  Option{kCloud, kValue, "os-trust-id", "ID", "", "trust", to_cloud},
  Option{kCloud, kValue, "os-region-name", "NAME", "", "region of the image service", to_cloud},
  Option{kCloud, kValue, "os-interface", "NAME", "", "public, internal or admin", to_cloud, "public internal admin"},
  Option{kCloud, kValue, "os-image-endpoint-override", "URL", "", "the image service, instead of the catalogue's", to_cloud},
  Option{kCloud, kValue, "os-endpoint", "URL", "", "the image service, with os-auth-type=none", to_cloud},
  Option{kCloud, kPath, "os-cacert", "FILE", "", "certificate authorities to trust", to_cloud},
  Option{kCloud, kPath, "os-cert", "FILE", "", "certificate to show to servers", to_cloud},
  Option{kCloud, kPath, "os-key", "FILE", "", "its private key", to_cloud},
  Option{kCloud, kFlag, "insecure", "", "", "do not check the servers' certificates", store<&Options::insecure, parse_flag>},
};
// clang-format on

constexpr std::array kAliases{
    Alias{"read-only", "ro"},         Alias{"rw", "noro"},
    Alias{"cloud", "os-cloud"},       Alias{"region", "os-region-name"},
    Alias{"cacert", "os-cacert"},     Alias{"endpoint", "os-image-endpoint-override"},
    Alias{"os-insecure", "insecure"}, Alias{"ttl", "metadata-ttl"},
};

constexpr std::array kKernelWords{
    KernelWord{"nosuid", false, MS_NOSUID, 0},
    KernelWord{"suid", false, 0, MS_NOSUID},
    KernelWord{"nodev", false, MS_NODEV, 0},
    KernelWord{"dev", false, 0, MS_NODEV},
    KernelWord{"noexec", false, MS_NOEXEC, 0},
    KernelWord{"exec", false, 0, MS_NOEXEC},
    KernelWord{"sync", false, MS_SYNCHRONOUS, 0},
    KernelWord{"async", false, 0, MS_SYNCHRONOUS},
    KernelWord{"dirsync", false, MS_DIRSYNC, 0},
    KernelWord{"noatime", false, MS_NOATIME, 0},
    KernelWord{"nodiratime", false, MS_NODIRATIME, 0},
    KernelWord{"allow-root", false, 0, 0},
    KernelWord{"default-permissions", false, 0, 0},
    KernelWord{"max-read", true, 0, 0},
    KernelWord{"context", true, 0, 0},
    KernelWord{"fscontext", true, 0, 0},
    KernelWord{"defcontext", true, 0, 0},
    KernelWord{"rootcontext", true, 0, 0},
};

constexpr std::array<std::string_view, 23> kForOthers{
    "defaults",   "auto",    "noauto",      "user",          "users",      "owner",
    "group",      "-netdev", "nofail",      "relatime",      "norelatime", "lazytime",
    "nolazytime", "atime",   "strictatime", "nonempty",      "user-id",    "group-id",
    "rootmode",   "fd",      "comment",     "nostrictatime", "uhelper"};

const Option* row_called(std::string_view name) {
  const auto* row = std::ranges::find(kTable, name, &Option::name);
  return row == kTable.end() ? nullptr : row;
}

std::vector<std::string_view> collect_known_words() {
  std::vector<std::string_view> words;
  words.reserve(kTable.size() + kAliases.size() + kKernelWords.size());
  for (const Option& option : kTable) words.push_back(option.name);
  for (const Alias& alias : kAliases) words.push_back(alias.alias);
  for (const KernelWord& word : kKernelWords) words.push_back(word.name);
  return words;
}

/// Insertions, deletions and replacements that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Option> option_table() { return kTable; }
std::span<const Alias> option_aliases() { return kAliases; }
std::span<const KernelWord> kernel_words() { return kKernelWords; }

const KernelWord* find_kernel_word(std::string_view name) {
  const auto* found = std::ranges::find(kKernelWords, canonical_name(name), &KernelWord::name);
  return found == std::end(kKernelWords) ? nullptr : found;
}

bool is_for_others(std::string_view name) {
  return name.starts_with("x-") || name.starts_with("X-") ||
         std::ranges::find(kForOthers, name) != kForOthers.end();
}

std::string canonical_name(std::string_view name) {
  std::string result(name);
  std::ranges::replace(result, '_', '-');
  return result;
}

OptionMatch find_option(std::string_view name) {
  std::string wanted = canonical_name(name);
  const auto* alias = std::ranges::find(kAliases, wanted, &Alias::alias);
  if (alias != kAliases.end()) wanted = alias->name;
  if (const Option* row = row_called(wanted)) return {row, false};
  if (!wanted.starts_with("no")) return {};
  const Option* row =
      row_called(std::string_view(wanted).substr(wanted.starts_with("no-") ? 3 : 2));
  if (row == nullptr || row->kind != OptionKind::kFlag) return {};
  return {row, true};
}

bool is_choice(const Option& option, std::string_view word) {
  const std::string padded = fmt::format(" {} ", option.choices);
  return !word.empty() && padded.find(fmt::format(" {} ", word)) != std::string::npos;
}

std::string environment_name(const Option& option) {
  std::string result(option.name.starts_with("os-") ? "" : "GLANCEFS_");
  for (const char c : option.name) {
    result += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return result;
}

Options default_options() {
  Options options;
  options.uid = ::geteuid();
  options.gid = ::getegid();
  for (const Option& option : kTable) {
    if (!option.initial.empty()) option.apply(options, option, std::string(option.initial));
  }
  return options;
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> words) {
  constexpr std::size_t kFar = 3;
  std::string_view nearest;
  // In a short word two typing errors leave nothing to recognise it by.
  std::size_t limit = std::min(kFar, word.size() / 2 + 1);
  for (const std::string_view candidate : words) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < limit) {
      nearest = candidate;
      limit = distance;
    }
  }
  return nearest;
}

std::span<const std::string_view> known_words() {
  static const std::vector<std::string_view> words = collect_known_words();
  return words;
}

}  // namespace glancefs::fs
