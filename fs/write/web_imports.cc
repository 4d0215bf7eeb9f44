#include "fs/write/web_imports.h"

#include <fmt/format.h>

#include "base/fd.h"
#include "base/log.h"
#include "client/import_state.h"
#include "fs/catalogue/names.h"
#include "fs/catalogue/new_name.h"
#include "fs/write/source_url.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::ImportPhase;
using client::Status;

bool is_under_way(const Image& image) {
  return image.status != Status::kActive && client::goes_on(client::import_state(image, {}).phase);
}

// Whether it waits for data.
bool may_be_imported(const Image& image) {
  return image.status == Status::kQueued || image.status == Status::kImporting;
}

bool has_failed(const Image& image) {
  return image.status != Status::kActive &&
         client::import_state(image, {}).phase == ImportPhase::kFailed;
}

constexpr std::string_view kUnknownSource =
    "where it came from is not known any more: rm it and link it again";

std::string source(const WebDownload& download) {
  return download.url.empty() ? std::string() : " from " + without_secrets(download.url);
}

// For the end of a reason.
std::string remedy(const WebDownload& download) {
  if (download.url.empty()) return std::string(kUnknownSource);
  return "it was to come" + source(download) + "; user.glancefs.upload tries again, rm removes it";
}

}  // namespace

WebImports::WebImports(WebImportsConfig config, client::Images& images, Tree& tree,
                       SiteFormats& formats, Failures& failures)
    : config_(std::move(config)),
      images_(images),
      tree_(tree),
      formats_(formats),
      failures_(failures) {
  if (config_.allowed) take_up();
  thread_ = std::thread([this] { work(); });
}

WebImports::~WebImports() {
  ending_.request_stop();
  {
    const Lock lock(mutex_);
    changed_.notify_all();
  }
  thread_.join();
}

void WebImports::take_up() {
  for (const DirectoryEntry& entry : tree_.list(kByIdNode)) {
    const std::optional<Node> node = tree_.node(entry.node);
    if (!node || node->upload || !node->ours || !is_under_way(*node->image)) continue;
    log::info("image {} is being imported", node->image->id);
    follow(node->image->id, {}, import_news(client::import_state(*node->image, {}), {}));
  }
}

void WebImports::order(NodeId directory, std::string_view name, const std::string& url,
                       std::stop_token stop) {
  if (!config_.allowed) {
    throw_errno(EPERM,
                "Glance has no symbolic links; import=symlink would have it fetch what they lead "
                "to");
  }
  if (config_.read_only) throw_errno(EROFS, "mounted read-only");
  const auto visibility = tree_.directories().visibility(directory);
  if (!visibility) throw_errno(EPERM, "images live in the directories of visibility");
  if (tree_.find(directory, name)) throw_errno(EEXIST, "there is an image of this name");
  const std::string image_name = new_image_name(tree_, name);
  if (is_local_name(image_name)) {
    throw_errno(EINVAL, "files whose names begin with a dot stay on this machine");
  }
  check_source_url(url);
  const WebDownload download{.url = url, .stores = config_.stores};
  check_web_download(download, images_, stop);
  const ImageFormat format = formats_.of_names({image_name, file_name_of(url)}, stop);
  const Image image = create_by_web_download(images_,
                                             {.id = client::new_uuid(),
                                              .name = image_name,
                                              .visibility = *visibility,
                                              .disk_format = format.disk_format,
                                              .container_format = format.container_format,
                                              .fields = {}},
                                             download, stop);
  log::info("{} becomes image {}{}", log::printable(image_name), image.id, source(download));
  tree_.put(std::make_shared<const Image>(image));
  follow(image.id, download, "waiting");
}

bool WebImports::retry(const Image& image, const std::stop_token& stop) {
  WebDownload download;
  bool runs = is_under_way(image);
  bool failed = has_failed(image);
  {
    const Lock lock(mutex_);
    const auto found = all_.find(image.id);
    if (found != all_.end()) {
      download = found->second.order->download;
      failed = !found->second.failure.empty();
      runs = !failed;
    }
  }
  if (runs) throw_errno(EBUSY, "image " + image.id + " is being imported");
  if (!failed) return false;
  if (download.url.empty()) throw_errno(EPERM, std::string(kUnknownSource));
  const Image now = order_web_download(images_, image.id, download, stop);
  failures_.clear(node_of_image(image.id));
  follow(image.id, std::move(download), "waiting");
  show(now);
  return true;
}

void WebImports::removed(const std::string& id) {
  const Lock lock(mutex_);
  all_.erase(id);
}

std::optional<std::string> WebImports::progress(const Image& image) const {
  {
    const Lock lock(mutex_);
    const auto found = all_.find(image.id);
    if (found != all_.end()) {
      const State& state = found->second;
      if (state.failure.empty()) return "importing: " + state.news;
      if (may_be_imported(image)) return "failed: " + state.failure;
    }
  }
  if (!is_under_way(image)) return std::nullopt;
  return "importing: " + import_news(client::import_state(image, {}), {});
}

std::string WebImports::pending() {
  std::map<std::string, State, std::less<>> all;
  {
    const Lock lock(mutex_);
    all = all_;
  }
  std::string text;
  for (const auto& [id, state] : all) {
    const std::optional<Node> node = tree_.by_id(id);
    // What failed may have been removed, or filled, elsewhere.
    if (!node || (!state.failure.empty() && !may_be_imported(*node->image))) {
      const Lock lock(mutex_);
      if (find(state.order) != nullptr) all_.erase(id);
      continue;
    }
    const Image& image = *node->image;
    text +=
        log::printable(fmt::format(
            "{}/{}  {}{}  {}", to_string(image.visibility), escape_name(image.name.value_or(id)),
            state.failure.empty() ? "importing" : "failed", source(state.order->download),
            state.failure.empty() ? state.news : state.failure)) +
        "\n";
  }
  return text;
}

void WebImports::follow(const std::string& id, WebDownload download, std::string news) {
  ImportWatch watch(config_.watch, images_, download.stores);
  auto order = std::make_shared<Order>(
      Order{.id = id, .download = std::move(download), .watch = std::move(watch)});
  order->watch.begin();
  const Lock lock(mutex_);
  all_.insert_or_assign(id, State{.order = std::move(order),
                                  .due = Clock::now() + config_.watch.poll_interval,
                                  .news = std::move(news),
                                  .failure = {}});
  changed_.notify_all();
}

bool WebImports::has(const std::string& id) const {
  const Lock lock(mutex_);
  return all_.contains(id);
}

WebImports::State* WebImports::find(const OrderPtr& order) {
  const auto found = all_.find(order->id);
  return found != all_.end() && found->second.order == order ? &found->second : nullptr;
}

// The one that is due first, once it is; null: the mount ends.
WebImports::OrderPtr WebImports::next() {
  const Lock lock(mutex_);
  while (!ending_.stop_requested()) {
    const State* first = nullptr;
    for (const auto& [id, state] : all_) {
      if (state.failure.empty() && (first == nullptr || state.due < first->due)) first = &state;
    }
    if (first == nullptr) {
      changed_.wait(mutex_);
    } else if (first->due <= Clock::now()) {
      return first->order;
    } else {
      changed_.wait_until(mutex_, Clock::time_point(first->due));
    }
  }
  return nullptr;
}

void WebImports::work() {
  while (const OrderPtr order = next()) {
    try {
      look(order);
    } catch (...) {
      if (!ending_.stop_requested()) fail(order, std::current_exception());
    }
  }
}

void WebImports::look(const OrderPtr& order) {
  const std::optional<ImportWatch::View> view = order->watch.look(order->id, ending_.get_token());
  if (view && !view->image) {
    tree_.erase(order->id);
    return removed(order->id);
  }
  if (view && view->over) return end(order, *view->image);
  if (view) show(*view->image);
  const Lock lock(mutex_);
  if (State* state = find(order)) {
    if (view) state->news = without_secrets(view->news);
    state->due = Clock::now() + order->watch.pause();
  }
}

void WebImports::end(const OrderPtr& order, const Image& image) {
  show(image);
  if (!order->watch.arrived(image)) {
    const std::string more = remedy(order->download);
    order->watch.fail(image, more, ending_.get_token(), more);
  }
  if (image.size.value_or(0) == 0) {
    throw_errno(
        EIO, "image " + image.id + " is active, but empty: nothing came" + source(order->download));
  }
  failures_.clear(node_of_image(order->id));
  removed(order->id);
}

// The reason first: whoever sees that it failed asks why.
void WebImports::fail(const OrderPtr& order, const std::exception_ptr& reason) {
  {
    const Lock lock(mutex_);
    if (find(order) == nullptr) return;  // removed meanwhile
  }
  failures_.record("import", node_of_image(order->id), reason, order->id);
  const Lock lock(mutex_);
  if (State* state = find(order)) state->failure = describe(reason);
}

// As the tree shall show it, unless it has been removed in between.
void WebImports::show(const Image& image) {
  tree_.put(std::make_shared<const Image>(image));
  if (!has(image.id)) tree_.erase(image.id);
}

}  // namespace glancefs::fs
