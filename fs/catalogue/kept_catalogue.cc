#include "fs/catalogue/kept_catalogue.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "fs/catalogue/image_blob.h"

namespace glancefs::fs {
namespace {

std::chrono::sys_seconds wall_clock() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

KeptCatalogue::KeptCatalogue(cache::Snapshots& snapshots, std::string key)
    : key_(std::move(key)),
      snapshots_(snapshots),
      thread_([this] { work(); }) {}

KeptCatalogue::~KeptCatalogue() {
  {
    const Lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

std::optional<KeptCatalogue::Loaded> KeptCatalogue::load() {
  Loaded loaded;
  try {
    const auto taken = snapshots_.taken(key_);
    if (!taken) return std::nullopt;
    snapshots_.load(key_, [&](std::string_view id, std::string_view blob) {
      auto image = decode_image(id, blob);
      if (image) loaded.images.push_back(std::make_shared<client::Image>(*std::move(image)));
    });
    loaded.taken = *taken;
    const Lock lock(mutex_);
    taken_ = *taken;
  } catch (const std::exception& error) {
    log::warning("the last catalogue cannot be used: {}", error.what());
    return std::nullopt;
  }
  return loaded;
}

void KeptCatalogue::replace(std::vector<client::ImagePtr> images, Time begun) {
  const Lock lock(mutex_);
  all_ = std::move(images);
  taken_ = wall_clock();
  std::erase_if(changes_, [&](const auto& change) { return change.second.time < begun; });
  for (auto& [id, change] : changes_) change.written = false;
  due_ = true;
  changed_.notify_all();
}

void KeptCatalogue::update(const std::vector<client::ImagePtr>& images, Time begun) {
  const Lock lock(mutex_);
  for (const client::ImagePtr& image : images) note(image->id, image, begun);
  taken_ = wall_clock();
  due_ = true;
  changed_.notify_all();
}

void KeptCatalogue::put(client::ImagePtr image) {
  const Lock lock(mutex_);
  const std::string id = image->id;
  note(id, std::move(image), std::chrono::steady_clock::now());
}

void KeptCatalogue::remove(const std::string& id) {
  const Lock lock(mutex_);
  note(id, nullptr, std::chrono::steady_clock::now());
}

void KeptCatalogue::note(const std::string& id, client::ImagePtr image, Time time) {
  Change& change = changes_[id];
  if (change.time > time) return;
  change = {.image = std::move(image), .time = time};
  due_ = true;
  changed_.notify_all();
}

KeptCatalogue::Work KeptCatalogue::take() {
  Work work{.all = std::exchange(all_, std::nullopt), .put = {}, .gone = {}, .taken = taken_};
  for (auto& [id, change] : changes_) {
    if (std::exchange(change.written, true)) continue;
    if (change.image) {
      work.put.push_back({.key = id, .value = encode_image(*change.image)});
    } else {
      work.gone.push_back(id);
    }
  }
  due_ = false;
  return work;
}

void KeptCatalogue::write(Work work) {
  if (work.all) {
    std::vector<client::ImagePtr>& images = *work.all;
    const auto same = [](const auto& a, const auto& b) { return a->id == b->id; };
    std::ranges::stable_sort(images, {},
                             [](const auto& image) { return std::string_view(image->id); });
    // One that was hidden or shown while it was listed comes twice; either will do until it
    // changes.
    images.erase(std::unique(images.begin(), images.end(), same), images.end());
    std::vector<std::string_view> keys;
    keys.reserve(images.size());
    for (const auto& image : images) keys.emplace_back(image->id);
    snapshots_.replace(key_, work.taken, keys,
                       [&](std::size_t i) { return encode_image(*images[i]); });
  }
  snapshots_.update(key_, work.taken, work.put, work.gone);
}

void KeptCatalogue::work() {
  Lock lock(mutex_);
  for (;;) {
    while (!due_ && !ending_) changed_.wait(mutex_);
    if (!due_) return;
    Work work = take();
    lock.unlock();
    try {
      write(std::move(work));
      complained_ = false;
    } catch (const std::exception& error) {
      // The next complete listing makes up for it.
      if (!complained_) log::warning("the catalogue is not kept: {}", error.what());
      complained_ = true;
    }
    lock.lock();
  }
}

}  // namespace glancefs::fs
