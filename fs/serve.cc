#include "fs/serve.h"

#include <chrono>
#include <memory>

#include "cache/disk_store.h"
#include "cache/snapshots.h"
#include "cache/spool.h"
#include "client/curl_transport.h"
#include "client/glance.h"
#include "client/observed_transport.h"
#include "client/session.h"
#include "fs/catalogue/shown_part.h"
#include "fs/executor.h"
#include "fs/filesystem.h"
#include "fs/filesystem_config.h"
#include "fs/fuse/session.h"
#include "fs/metrics/listener.h"
#include "fs/metrics/metrics.h"
#include "fs/mount/configuration.h"
#include "fs/mount/known_login.h"
#include "fs/mount/patience.h"
#include "fs/mount/unmount_notice.h"
#include "fs/mounted.h"
#include "fs/service/mount_socket.h"
#include "fs/service/requests.h"
#include "fs/write/destination.h"

namespace glancefs::fs {
namespace {

// Each waits for at most one request to Glance; more of them would only queue there.
constexpr std::size_t kMetadataThreads = 64;
// Closes that wait for their upload; how many of those run is the option `uploads`.
constexpr std::size_t kTransferThreads = 64;

// A mount can do without them.
std::unique_ptr<cache::Snapshots> open_snapshots(const std::string& directory) {
  try {
    return std::make_unique<cache::Snapshots>(directory);
  } catch (const std::system_error& error) {
    log::warning("the catalogue will not be kept: {}", error.what());
    return nullptr;
  }
}

MountConfig mount_config(const Setting& setting) {
  const Options& options = setting.options;
  MountConfig config{.directory = setting.mount_point,
                     .source = mount_source(options, setting.cloud.label()),
                     .flags = options.mount_flags,
                     .allow_other = options.allow_other,
                     .auto_unmount = options.auto_unmount.value_or(setting.person.uid != 0),
                     .options = options.fuse_options,
                     .passthrough = options.passthrough};
  std::erase(config.options, "allow_other");
  return config;
}

MountFacts mount_facts(const Options& options, const Paths& paths, const client::Session& session) {
  return {.region = session.cloud()->region,
          .cache_directory = cache_directory(options, paths),
          .since = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
          .token_expires = [&session] { return session.expires(); }};
}

// Null: metrics are not to be served.
std::unique_ptr<MetricsSocket> open_metrics_socket(const Options& options) {
  if (!options.metrics_listen) return nullptr;
  return std::make_unique<MetricsSocket>(*options.metrics_listen);
}

std::unique_ptr<MetricsListener> serve_metrics(const MetricsSocket* socket,
                                               const Filesystem& files) {
  if (socket == nullptr) return nullptr;
  log::info("metrics are served on {}", socket->address().text());
  return std::make_unique<MetricsListener>(*socket, [&files] { return files.metrics(); });
}

}  // namespace

void serve(const Setting& setting, Ready& ready) {
  const Options& options = setting.options;
  open_log(options, setting.paths);
  const Clock clock;
  const std::string cache = cache_directory(options, setting.paths);
  const auto metrics_socket = open_metrics_socket(options);
  Metrics metrics;
  client::ExchangeLog exchange_log(metrics.requests);
  client::CurlTransport curl(transport_config(options, setting.cloud, setting.environment));
  client::ObservedTransport transport(
      curl,
      options.http_debug ? static_cast<client::ExchangeObserver&>(exchange_log) : metrics.requests);
  client::Session session(setting.cloud, transport, clock);
  const auto snapshots = open_snapshots(cache);
  const auto config_for = [&](const client::Identity& who) {
    return filesystem_config(options, setting.paths, setting.cloud, who);
  };
  setting.manager.status("logging in to " + setting.cloud.label());
  const KnownLogin login = log_in_patiently(options, ready, [&] {
    return log_in(session, snapshots.get(), options.offline,
                  [&](const client::Identity& who) { return config_for(who).catalogue_key; });
  });
  client::Glance images(session);
  Config config = config_for(login.identity);
  config.metrics = &metrics;
  config.token_expires = [&session] { return session.expires(); };
  check_shown_part(config);
  // Without the cloud the uploads themselves find out.
  if (!config.read_only && !login.offline) check_destination(config.upload_to, images, {});
  const auto store = cache::open_disk_store(store_config(options, setting.paths));
  const auto spools =
      cache::open_spools(state_directory(options, setting.paths), options.spool_size);
  Filesystem files(config, images, *store, *spools, snapshots.get());
  Executor metadata(kMetadataThreads);
  Executor transfers(kTransferThreads);
  FuseSession fuse(files, metadata, transfers, metrics.operations, mount_config(setting));
  const auto listener = serve_metrics(metrics_socket.get(), files);
  const Requests requests(files, mount_facts(options, setting.paths, session));
  if (setting.handed >= 0) {
    fuse.serve_on(Fd(setting.handed));
    serve_mounted(setting, session, files, fuse, ready);
  } else {
    // While we waited for the network, another may have mounted it.
    if (options.background) setting.place.check_directory(setting.mount_point, options.source);
    fuse.mount();
    // To the end of the uploads: umount asks how they go.
    const auto socket = open_mount_socket(setting.paths.runtime, requests, setting.mount_point);
    const UnmountNotice notice(mount_source(options, setting.cloud.label()), setting.mount_point);
    serve_mounted(setting, session, files, fuse, ready);
  }
  log::info("{} is unmounted", setting.mount_point);
  session.log_out();
}

}  // namespace glancefs::fs
