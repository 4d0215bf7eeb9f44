// The commands about a cache directory, with or without a mount.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>

#include "base/log.h"
#include "cache/maintenance.h"
#include "fs/command/call_options.h"
#include "fs/command/daemon.h"
#include "fs/command/mount_commands.h"
#include "fs/command/mounts.h"
#include "fs/command/progress.h"
#include "fs/command/usage_error.h"
#include "fs/mount/configuration.h"
#include "fs/mount/option_table.h"
#include "fs/mount/paths.h"

namespace glancefs::fs {
namespace {

// So that the question stays within what a daemon reads.
constexpr std::size_t kIdsPerQuestion = 1000;

// What a mount of this user's would have, by options, variables and configuration files; in the
// directory that --cache-dir names, if it does.
cache::DiskStoreConfig usual_cache(const CommandCall& call) {
  Options options = options_of(call, "").options;
  const std::string named = call.arguments.value(kCacheDirOption.name);
  if (!named.empty()) options.cache_directory = absolute_path(named, call.directory);
  return store_config(options, default_paths(effective_user(call.environment), call.environment));
}

// The cache a command is about: that of a mount, the one it names, or this user's.
class ChosenCache {
 public:
  ChosenCache(const CommandCall& call, std::string_view usage) {
    call.arguments.expect_positionals(0, 1, usage);
    const auto& words = call.arguments.positionals();
    if (words.empty()) {
      config_ = usual_cache(call);
      return;
    }
    if (call.arguments.has(kCacheDirOption.name)) {
      throw UsageError("--cache-dir and a mount are two caches", std::string(usage));
    }
    daemon_.emplace(mount_of(absolute_path(words[0], call.directory)), call.environment,
                    interrupt_);
    const Json status = daemon_->ask("status");
    config_.directory = status.at("cache_directory").get<std::string>();
    config_.limit = status.at("cache_limit").get<std::uint64_t>();
  }

  const Interrupt& interrupt() const noexcept { return interrupt_; }

  /// With the limits of the mount; without one, with those it would have.
  const cache::DiskStoreConfig& config() const noexcept { return config_; }

  /// Which files of the mount the images are; nothing without one.
  std::map<std::string, std::string> files_of(const std::vector<std::string>& ids) {
    std::map<std::string, std::string> files;
    for (std::size_t at = 0; daemon_ && at < ids.size(); at += kIdsPerQuestion) {
      const auto end = std::min(ids.size(), at + kIdsPerQuestion);
      const std::vector<std::string> some(ids.begin() + static_cast<std::ptrdiff_t>(at),
                                          ids.begin() + static_cast<std::ptrdiff_t>(end));
      const Json names = daemon_->ask("names", {{"ids", some}}, daemon_->mount().target);
      for (const auto& [id, file] : names.items()) files[id] = file.get<std::string>();
    }
    return files;
  }

 private:
  const Interrupt interrupt_;
  std::optional<Daemon> daemon_;
  cache::DiskStoreConfig config_;
};

// A source is "<endpoint>/<image id>".
std::string id_of(const std::string& source) { return source.substr(source.rfind('/') + 1); }

std::vector<std::string> ids_of(const cache::KeptObject& object) {
  std::vector<std::string> ids;
  for (const std::string& source : object.sources) ids.push_back(id_of(source));
  return ids;
}

std::vector<std::string> ids_of(const std::vector<cache::KeptObject>& objects) {
  std::vector<std::string> all;
  for (const auto& object : objects) {
    for (std::string& id : ids_of(object)) all.push_back(std::move(id));
  }
  return all;
}

Cell file_of(const cache::KeptObject& object, const std::map<std::string, std::string>& files) {
  for (const std::string& id : ids_of(object)) {
    if (const auto found = files.find(id); found != files.end()) return found->second;
  }
  return {};
}

std::string_view word_for(cache::Condition condition) {
  switch (condition) {
    case cache::Condition::kSound:
      return "sound";
    case cache::Condition::kDamaged:
      return "damaged, dropped";
    case cache::Condition::kInUse:
      return "in use, not read";
    case cache::Condition::kGone:
      break;
  }
  return "gone";
}

std::int64_t number(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes); }

}  // namespace

CommandExit list_cache(const CommandCall& call) {
  ChosenCache chosen(call, "glancefs cache list [DIR]");
  const auto objects = cache::Maintenance(chosen.config()).objects();
  const auto files = chosen.files_of(ids_of(objects));
  Listing listing{.columns = {"file", "image_ids", "size", "bytes", "state", "pinned", "object"},
                  .rows = {}};
  for (const cache::KeptObject& object : objects) {
    listing.rows.push_back({file_of(object, files), ids_of(object), number(object.size),
                            number(object.bytes), object.sealed ? "sealed" : "partial",
                            object.pinned, object.name});
  }
  call.out << list_text(listing, call.arguments.output());
  return CommandExit::kDone;
}

CommandExit verify_cache(const CommandCall& call) {
  ChosenCache chosen(call, "glancefs cache verify [DIR]");
  cache::Maintenance cache(chosen.config());
  const auto objects = cache.objects();
  const auto files = chosen.files_of(ids_of(objects));
  std::uint64_t total = 0;
  for (const cache::KeptObject& object : objects) total += object.bytes;
  Listing listing{.columns = {"file", "image_ids", "size", "state", "object"}, .rows = {}};
  CommandExit code = CommandExit::kDone;
  std::uint64_t before = 0;
  {
    Progress progress(call.err);
    for (const cache::KeptObject& object : objects) {
      const auto condition = cache.verify(object.name, [&](std::uint64_t bytes) {
        chosen.interrupt().check();
        progress.show(object.name, before + bytes, total);
      });
      before += object.bytes;
      if (condition == cache::Condition::kDamaged) code = CommandExit::kPartly;
      listing.rows.push_back({file_of(object, files), ids_of(object), number(object.size),
                              std::string(word_for(condition)), object.name});
    }
  }
  call.out << list_text(listing, call.arguments.output());
  return code;
}

CommandExit collect_cache(const CommandCall& call) {
  ChosenCache chosen(call, "glancefs cache gc [DIR] [--size SIZE]");
  cache::DiskStoreConfig config = chosen.config();
  if (call.arguments.has("size")) {
    try {
      config.limit =
          parse_amount(call.arguments.value("size")).of(filesystem_size(config.directory));
    } catch (const std::invalid_argument& error) {
      throw UsageError(std::string("--size: ") + error.what());
    }
    config.min_free = 0;
  }
  cache::Maintenance cache(config);
  const bool within = cache.collect();
  call.out << show_text({{"cache_directory", config.directory},
                         {"freed_bytes", number(cache.evicted())},
                         {"cache_bytes", number(cache.kept())},
                         {"limit", number(config.limit)}},
                        call.arguments.output());
  if (within) return CommandExit::kDone;
  call.err << "glancefs: more than that is pinned or open in a mount\n";
  return CommandExit::kPartly;
}

CommandExit drop_from_directory(const CommandCall& call, const std::vector<std::string>& ids) {
  const cache::DiskStoreConfig config = usual_cache(call);
  cache::Maintenance cache(config);
  std::map<std::string, std::vector<std::string>> by_id;
  for (const cache::KeptObject& object : cache.objects()) {
    for (const std::string& source : object.sources) by_id[id_of(source)].push_back(source);
  }
  CommandExit code = CommandExit::kDone;
  const auto complain = [&](const std::string& id, std::string_view why) {
    call.err << fmt::format("glancefs: {}: {}\n", log::printable(id), why);
    code = CommandExit::kFailed;
  };
  for (const std::string& id : ids) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) {
      complain(id, "nothing is kept of it in " + config.directory);
      continue;
    }
    for (const std::string& source : found->second) {
      if (!cache.drop(source)) complain(id, "open in a mount; drop it there by its file");
    }
  }
  return code;
}

}  // namespace glancefs::fs
