// The commands about mounts and their cache: what they take, and what runs. Each is a row of the
// table in commands.cc.
#pragma once

#include <array>

#include "fs/command/arguments.h"
#include "fs/command/commands.h"

namespace glancefs::fs {

inline constexpr CommandOption kWatchOption{"watch", 'w', "",
                                            "show it again every second, until Ctrl-C"};
inline constexpr CommandOption kCacheDirOption{
    "cache-dir", '\0', "DIR", "this cache, also without a mount; default: that of this user"};

inline constexpr std::array kShowOptions{kFormatOption, kColumnOption};
inline constexpr std::array kTransferOptions{kFormatOption, kColumnOption, kWatchOption};
/// The format in which status shows the metrics of one mount.
inline constexpr const char* kPrometheusFormat = "prometheus";
inline constexpr std::array kStatusOptions{
    CommandOption{"format", 'f', "FORMAT", "table, json, value, csv, or prometheus: its metrics"},
    kColumnOption, kWatchOption};
inline constexpr std::array kUmountOptions{
    CommandOption{"no-wait", '\0', "", "come back at once; the daemon goes on sending"},
    CommandOption{"lazy", 'l', "", "also while it is in use; do not wait"}};
inline constexpr std::array kCacheListOptions{kFormatOption, kColumnOption, kCacheDirOption};
inline constexpr std::array kCacheGcOptions{
    CommandOption{"size", 's', "SIZE", "keep this much at most, as in 10G or 20%"}, kFormatOption,
    kColumnOption, kCacheDirOption};
inline constexpr std::array kCacheDropOptions{CommandOption{
    "cache-dir", '\0', "DIR", "the words are ids of images in this cache, also without a mount"}};
inline constexpr std::array kPrefetchOptions{
    CommandOption{"no-wait", '\0', "", "come back at once; it goes on in the background"}};

CommandExit unmount_command(const CommandCall& call);
CommandExit show_status(const CommandCall& call);
CommandExit list_transfers(const CommandCall& call);
CommandExit cancel_transfers(const CommandCall& call);
CommandExit show_image(const CommandCall& call);
CommandExit refresh(const CommandCall& call);

// Of files on a mount (cache.cc).
CommandExit show_cached(const CommandCall& call);
CommandExit pin_cached(const CommandCall& call);
CommandExit unpin_cached(const CommandCall& call);
CommandExit prefetch(const CommandCall& call);
CommandExit drop_cached(const CommandCall& call);

// Of a directory (cache_directory.cc).
CommandExit list_cache(const CommandCall& call);
CommandExit verify_cache(const CommandCall& call);
CommandExit collect_cache(const CommandCall& call);
/// What `cache drop ID...` does: `ids` in the cache that --cache-dir names, or this user's.
CommandExit drop_from_directory(const CommandCall& call, const std::vector<std::string>& ids);

}  // namespace glancefs::fs
