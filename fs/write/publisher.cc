#include "fs/write/publisher.h"

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "cache/digest.h"
#include "client/change.h"
#include "client/retry.h"
#include "fs/attributes/xattrs.h"
#include "fs/failures.h"
#include "fs/write/inheritance.h"
#include "fs/write/spool_source.h"
#include "fs/write/unfinished.h"

namespace glancefs::fs {
namespace {

using client::Image;
using client::Status;

// Deletes it, also when it was created as protected.
void take_away(client::Images& images, const Image& image, const std::stop_token& stop) {
  if (image.is_protected) images.update(image.id, {{.key = "protected", .value = false}}, stop);
  images.remove(image.id, stop);
}

bool worth_repeating(const client::HttpError& error) {
  return error.status() == 0 || error.status() == 401 || error.status() == 408 ||
         error.status() == 429 || error.status() >= 500;
}

// What does not fit into a Draft's own fields.
std::vector<client::Change> draft_fields(const Image& image) {
  std::vector<client::Change> fields;
  for (const auto& [key, text] : image.properties) {
    if (kind_of(key) != KeyKind::kReadOnly) fields.push_back({.key = key, .value = text});
  }
  if (!image.tags.empty()) fields.push_back({.key = "tags", .value = image.tags});
  if (image.min_disk > 0) {
    fields.push_back({.key = "min_disk", .value = static_cast<std::int64_t>(image.min_disk)});
  }
  if (image.min_ram > 0) {
    fields.push_back({.key = "min_ram", .value = static_cast<std::int64_t>(image.min_ram)});
  }
  if (image.is_protected) fields.push_back({.key = "protected", .value = true});
  if (image.hidden) fields.push_back({.key = "os_hidden", .value = true});
  return fields;
}

}  // namespace

/// One publish().
class Publisher::Attempt {
 public:
  Attempt(const PublisherConfig& config, client::Images& images, SiteFormats& formats,
          RateLimit& limit, Upload& upload, const std::string& algorithm, std::stop_token stop)
      : config_(config),
        images_(images),
        formats_(formats),
        upload_(upload),
        stop_(std::move(stop)),
        wanted_(upload.image()),
        destination_(destination_of(wanted_, config.usual)),
        import_config_{.poll_interval = config.poll_interval, .patience = config.import_patience},
        import_(import_config_, images, upload, destination_.stores),
        source_(upload, algorithm, limit, stop_) {
    formats_.declare(wanted_, upload_.spool());
  }

  /// Throws when the site cannot do what is wanted; nothing has been sent then.
  void check() { check_destination(destination_, images_, stop_); }

  /// The finished image, or nullopt: once more.
  std::optional<Image> run(bool last) {
    std::optional<Image> image = prepare();
    if (image) return image;
    if (source_.size() == 0) return images_.show(upload_.id(), stop_);
    bool imported = destination_.imported();
    try {
      source_.restart();  // an attempt before this one may have read some of it
      send();
    } catch (const client::HttpError& error) {
      if (error.status() == 415) formats_.learn(wanted_, upload_.spool());
      // An answer may be lost although all went well.
      image = settled();
      if (image && complete(*image)) return image;
      imported = image && import_.under_way(*image);
      if (!imported) {
        if (!image) throw_deleted();
        if (last || !worth_repeating(error)) throw_refused_upload(error, image->id, images_);
        log::warning("upload of image {} failed, trying again: {}", image->id, error.what());
        step_back(*image, error);
        return std::nullopt;
      }
    }
    image = imported ? import_.wait(stop_) : settled();
    if (image && complete(*image)) return image;
    if (!image) throw_deleted();
    if (imported && !import_.arrived(*image)) import_.fail(*image, stop_);
    clean_up();
    throw_errno(EIO, "what Glance stored of image " + upload_.id() +
                         " is not what was sent; it has been removed again");
  }

  /// Removes what this left at Glance, without being stopped by what stopped the upload.
  void clean_up() noexcept {
    try {
      const std::string id = upload_.id();
      const std::optional<Image> left = images_.show(id, {});
      if (!left || (upload_.found() && !spoilt(*left))) return;
      take_away(images_, *left, {});
    } catch (const std::exception& error) {
      log::warning("image {} may be left unfinished: {}", upload_.id(), error.what());
    }
  }

  /// Whether the server brings what was sent to its end without us, and the next publish() may
  /// find it there.
  bool goes_on_alone() const {
    return import_.runs() && stop_.stop_requested() && !upload_.cancelled().stop_requested();
  }

 private:
  /// Whether we have brought a record that was found to where only deleting gets it out.
  bool spoilt(const Image& image) const {
    return is_poisoned(image) ||
           (staged_ && (image.status == Status::kUploading || image.status == Status::kImporting));
  }

  [[noreturn]] void throw_deleted() const {
    throw_errno(ESTALE, "image " + upload_.id() + " was deleted meanwhile");
  }

  void send() {
    staged_ = destination_.imported();
    if (staged_) return import_.send(source_, stop_);
    const std::string store = destination_.stores.empty() ? "" : destination_.stores.front();
    images_.upload(upload_.id(), source_, store, stop_);
  }

  /// Sees to it that there is a queued record that takes the data. Answers the image if it turns
  /// out to be finished: the answer to an earlier upload was lost, or its process died.
  std::optional<Image> prepare() {
    std::optional<Image> known = images_.show(upload_.id(), stop_);
    // What was staged has its size; another one is of other bytes than these.
    if (known && import_.under_way(*known) && known->size == source_.size()) {
      known = import_.wait(stop_);
    }
    if (known && complete(*known)) return finished(*known);
    formats_.check(wanted_, upload_.spool(), stop_);
    if (known && known->status == Status::kQueued && !is_poisoned(*known)) {
      bring_up_to_date(*known);
      return std::nullopt;
    }
    if (known && upload_.found() && !spoilt(*known)) throw_taken(*known);
    if (known) {
      // Saving, staged, importing or poisoned: only deleting gets an image out of these.
      take_away(images_, *known, stop_);
      upload_.renew_id();
    }
    create();
    return std::nullopt;
  }

  /// What the record is made with. Two images of one name are none to whoever asks for it by name,
  /// so what is to take another's place is hidden until it does.
  Image beginning() {
    Image image = wanted_;
    const std::string replaced = upload_.replaces();
    if (replaced.empty()) return image;
    const auto old = images_.show(replaced, stop_);
    if (old) inherit(image, *old, upload_.spool().record().properties);
    image.hidden = true;
    return image;
  }

  void create() {
    if (upload_.found()) upload_.make_own();
    const Image beginning = this->beginning();
    client::Draft draft{.id = upload_.id(),
                        .name = wanted_.name.value_or(""),
                        .visibility = wanted_.visibility,
                        .disk_format = *wanted_.disk_format,
                        .container_format = *wanted_.container_format,
                        .fields = draft_fields(beginning)};
    try {
      images_.create(draft, stop_);
      log::info("{} becomes image {}", log::printable(draft.name), draft.id);
    } catch (const client::HttpError& error) {
      if (error.status() != 409) throw;
      // The id belonged to an image that was deleted; such ids stay taken.
      upload_.renew_id();
      draft.id = upload_.id();
      images_.create(draft, stop_);
    }
  }

  /// Somebody else's image that was queued: what others do to it must not be undone.
  [[noreturn]] static void throw_taken(const Image& known) {
    throw_errno(is_being_written(known) ? EBUSY : EPERM,
                "image " + known.id + " has been filled by somebody else: " + known.status_word);
  }

  /// An image that was finished without us, with what was set on the file since it was created.
  Image finished(const Image& known) {
    try {
      return bring_up_to_date(known);
    } catch (const std::system_error& error) {
      log::warning("image {} lacks what was set on it since: {}", known.id, error.what());
      return known;
    }
  }

  /// What was set on the file since the record was made.
  Image bring_up_to_date(const Image& known) {
    std::vector<client::Change> changes;
    const auto want = [&](std::string_view key, const std::string& text) {
      const auto same = [&](const client::Change& change) { return change.key == key; };
      auto change = set_change(known, key, text);
      if (change && std::ranges::none_of(changes, same)) changes.push_back(std::move(*change));
    };
    // Formats can only be set before the data comes.
    if (!known.disk_format) want("disk_format", *wanted_.disk_format);
    if (!known.container_format) want("container_format", *wanted_.container_format);
    if (!upload_.found()) {
      want("name", wanted_.name.value_or(""));
      want("visibility", std::string(to_string(wanted_.visibility)));
    }
    for (const auto& [key, text] : upload_.spool().record().properties) {
      if (kind_of(key) != KeyKind::kReadOnly) want(key, text);
    }
    std::erase_if(changes, [&](const client::Change& change) { return shows(known, change); });
    return changes.empty() ? known : images_.update(known.id, changes, stop_);
  }

  /// After an upload that ended in `error`: away with a record that takes no other.
  void step_back(const Image& image, const client::HttpError& error) {
    const bool clean = image.status == Status::kQueued && !is_poisoned(image);
    // After a 500 the store may hold a leftover of this id, which would refuse it for ever.
    if (clean && (error.status() != 500 || upload_.found())) return;
    if (upload_.found() && !spoilt(image)) throw_taken(image);
    take_away(images_, image, stop_);
    upload_.renew_id();
  }

  /// The record, after it has had time to leave "saving". An upload that was cut can only be rolled
  /// back; one that has sent all may still end well.
  std::optional<Image> settled() {
    const bool all_sent = upload_.sending().sent() == source_.size();
    const auto deadline = std::chrono::steady_clock::now() +
                          (all_sent ? config_.settle_timeout : config_.rollback_timeout);
    while (true) {
      std::optional<Image> image = images_.show(upload_.id(), stop_);
      if (!image || image->status != Status::kSaving) return image;
      if (std::chrono::steady_clock::now() >= deadline) return image;
      client::pause(config_.poll_interval, stop_);
    }
  }

  bool complete(const Image& image) { return import_.arrived(image) && proven(image); }

  bool proven(const Image& image) {
    if (image.status != Status::kActive || image.size != source_.size()) return false;
    if (!image.hash.empty()) {
      const auto digest = source_.digest(image.hash_algorithm);
      if (digest) return digest->hex == image.hash;
    }
    const auto md5 = image.checksum.empty() ? std::nullopt : source_.digest("md5");
    return !md5 || md5->hex == image.checksum;
  }

  const PublisherConfig& config_;
  client::Images& images_;
  SiteFormats& formats_;
  Upload& upload_;
  const std::stop_token stop_;
  Image wanted_;
  const Destination destination_;
  const ImportWatchConfig import_config_;
  StagedImport import_;
  bool staged_ = false;  // something of ours may be in the staging area
  SpoolSource source_;
};

bool Publisher::withdraw(const std::string& id, Withdraw what, std::stop_token stop) noexcept {
  try {
    const std::optional<Image> left = images_.show(id, stop);
    const bool takes_active =
        what == Withdraw::kAll || (what == Withdraw::kUnseen && left && left->hidden);
    if (left && !takes_active && left->status == Status::kActive) return false;
    if (left) take_away(images_, *left, stop);
    return true;
  } catch (const std::exception& error) {
    log::warning("image {} may be left unfinished: {}", id, error.what());
    return false;
  }
}

client::Image Publisher::publish(Upload& upload, const std::string& algorithm,
                                 std::stop_token stop) {
  Attempt attempt(config_, images_, formats_, limit_, upload, algorithm, stop);
  attempt.check();
  try {
    for (int left = config_.attempts; left > 0; --left) {
      const std::optional<Image> image = attempt.run(left == 1);
      if (image) return *image;
      if (left > 1) client::pause(config_.poll_interval, stop);
    }
  } catch (...) {
    if (attempt.goes_on_alone()) {
      throw_errno(ECANCELED, "stopped waiting; Glance goes on importing image " + upload.id() +
                                 ", and the next try finds it");
    }
    attempt.clean_up();
    throw;
  }
  throw_errno(EIO, "image " + upload.id() + " could not be uploaded");
}

}  // namespace glancefs::fs
