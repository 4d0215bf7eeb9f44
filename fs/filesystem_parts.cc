#include "fs/filesystem_parts.h"

#include <algorithm>

#include "base/fd.h"
#include "fs/catalogue/shown_part.h"
#include "fs/handles.h"
#include "fs/metrics/metrics_text.h"

namespace glancefs::fs {

NodeId node_of(const Handle* handle) {
  if (const auto* image = dynamic_cast<const ImageHandle*>(handle)) return image->node;
  if (const auto* file = dynamic_cast<const UploadHandle*>(handle)) return file->node;
  return 0;
}

std::string Filesystem::Parts::image_id(NodeId node) const noexcept try {
  const auto found = tree.node(node);
  return found ? found->image->id : std::string();
} catch (...) {
  return {};  // out of memory; it is for the log only
}

std::string Filesystem::Parts::metrics_text() const {
  return fs::metrics_text(
      *config.metrics,
      {.config = config,
       .images = tree.totals(),
       .catalogue = catalogue.freshness(),
       .cache = store.usage(),
       .reads = fetcher.counts(),
       .fetched = fetcher.fetched_bytes(),
       .uploads = count_uploads(uploads),
       .token_expires = config.token_expires ? config.token_expires() : std::nullopt});
}

Filesystem::Parts::Parts(Config given, client::Images& images, cache::Store& blocks,
                         cache::Spools& spools, cache::Snapshots* snapshots)
    : config(std::move(given)),
      store(blocks),
      stat(config),
      tree(directories_config(config)),
      directories(tree.directories()),
      offers({.project_id = config.project_id,
              .ttl = config.metadata_ttl,
              .read_only = config.read_only},
             images, tree),
      kept(snapshots != nullptr && !config.catalogue_key.empty()
               ? std::make_unique<KeptCatalogue>(*snapshots, config.catalogue_key)
               : nullptr),
      catalogue({.ttl = config.metadata_ttl,
                 .first_refresh = config.first_refresh,
                 .offline = config.offline,
                 .swept = [this](const std::stop_token& stop) { offers.ask(stop); }},
                images, tree, kept.get()),
      fetcher({.endpoint = config.endpoint,
               .connections = config.connections,
               .read_timeout = config.read_timeout,
               // The rest is for the catalogue, the connections and the program itself.
               .spare_memory = config.memory_limit / 2,
               .verify = config.verify,
               .limit = config.download_limit,
               .direct = {.files = config.direct_files}},
              images, store),
      uploads({.identity = config.identity,
               .endpoint = config.endpoint,
               .project_id = config.project_id,
               .delay = config.upload_delay,
               .at_once = config.uploads,
               .publisher = {.poll_interval = config.upload_pause,
                             .import_patience = config.import_patience,
                             .limit = config.upload_limit,
                             .usual = config.upload_to},
               .recover = config.recover,
               .fallback_format = config.fallback_format,
               .replaced = config.replaced,
               .removed = [this](const std::string& id) { removed(id); }},
              images, store, spools, tree, turns, failures),
      web_imports(
          {.allowed = config.import_links,
           .read_only = config.read_only,
           .stores = config.upload_to.stores,
           .watch = {.poll_interval = config.upload_pause, .patience = config.import_patience}},
          images, tree, uploads.formats(), failures),
      files(config, tree, catalogue, fetcher, uploads, control),
      patches(images, tree, turns),
      changes(config, tree, uploads, patches),
      renames(config, images, tree, turns, uploads),
      property_check(images, config.check_properties),
      sharing(config, images, tree, turns),
      store_copies(config, images, tree, turns),
      image_xattrs(config, images, tree, turns, uploads, patches, property_check, sharing,
                   store_copies),
      warm_up(fetcher, failures),
      local_xattrs(config, tree, catalogue, fetcher, warm_up, uploads, web_imports, store, failures,
                   store_copies, property_check) {
  control.add("status", [this] { return status_text(status()); });
  if (config.metrics != nullptr) control.add("metrics", [this] { return metrics_text(); });
  control.add("transfers", [this] { return transfers_text(transfers()); });
  control.add("transfers.json", [this] { return transfers_json(transfers()); });
  control.add("pending", [this] { return uploads.pending() + web_imports.pending(); });
  control.add("options", [this] { return config.options; });
  control.add("errors", [this] { return failures.text(); });
}

std::vector<Transfer> Filesystem::Parts::transfers() const {
  std::vector<Transfer> transfers = fetcher.transfers();
  for (const client::ImagePtr& image : warm_up.images()) {
    const auto running = std::ranges::find(transfers, image->id, &Transfer::id);
    if (running != transfers.end()) {
      running->state = "prefetching";
      continue;
    }
    Transfer queued = download_of(*image, "queued");
    queued.bytes = fetcher.present(image->id).value_or(0);
    transfers.push_back(std::move(queued));
  }
  for (Transfer& upload : uploads.transfers()) transfers.push_back(std::move(upload));
  return transfers;
}

}  // namespace glancefs::fs
