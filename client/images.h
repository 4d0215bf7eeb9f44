// The image service as the file system needs it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "client/definitions.h"
#include "client/http.h"
#include "client/members.h"

namespace glancefs::client {

enum class Visibility { kPublic, kPrivate, kShared, kCommunity };

enum class Status {
  kQueued,
  kSaving,
  kUploading,
  kImporting,
  kActive,
  kDeactivated,
  kOther,  ///< killed, deleted, pending_delete, or a word this version does not know
};

/// Glance's words for them, and back (nullopt: not such a word).
std::string_view to_string(Visibility visibility);
std::string_view to_string(Status status);
std::optional<Visibility> visibility_of(std::string_view word);
Status status_of(std::string_view word);

/// Custom properties and other text fields, sorted by name. A vector, because a catalogue of
/// 100,000 images holds ten each.
using Properties = std::vector<std::pair<std::string, std::string>>;

/// The value of `name`; null when absent. REQUIRES `properties` sorted.
const std::string* find_property(const Properties& properties, std::string_view name);

/// An image as Glance last described it: a value, replaced whole, never edited in place.
/// The bytes of an image never change once its status is kActive, so `id` alone names them.
struct Image {
  std::string id;                   ///< a lower-case UUID, checked when parsed
  std::optional<std::string> name;  ///< absent: null; any UTF-8 otherwise, also "", "/", NUL
  Status status = Status::kOther;
  std::string status_word;  ///< as Glance wrote it
  Visibility visibility = Visibility::kPrivate;
  std::string owner;  ///< project id; empty: nobody
  std::optional<std::string> disk_format, container_format;
  std::optional<std::uint64_t> size, virtual_size;  ///< bytes; ≤ 2^63-1; absent until known
  std::string checksum;                             ///< MD5 in hex; empty: none
  std::string hash_algorithm, hash;                 ///< os_hash_algo/_value; empty: none
  std::uint64_t min_disk = 0;                       ///< GiB
  std::uint64_t min_ram = 0;                        ///< MiB
  bool is_protected = false;
  bool hidden = false;
  std::vector<std::string> tags;  ///< sorted
  std::chrono::sys_seconds created{}, updated{};
  /// Every other key whose value is text: custom properties, and what Glance adds (stores,
  /// direct_url, os_glance_*). Values that are not text (locations) are kept as JSON text.
  Properties properties;
  bool operator==(const Image&) const = default;
};

using ImagePtr = std::shared_ptr<const Image>;

/// A value to be set: text, or what JSON wants to be a number, a boolean or a list.
using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

/// One field of an image to be set, or removed when `value` is absent. `key` is the JSON key, not
/// escaped.
struct Change {
  std::string key;
  std::optional<Value> value;
};

/// A new image. Formats cannot change later, so they belong here.
struct Draft {
  std::string id;  ///< own UUID: makes a repeated create recognisable
  std::string name;
  Visibility visibility = Visibility::kPrivate;
  std::string disk_format, container_format;
  std::vector<Change> fields;  ///< everything else; values present
};

struct ListQuery {
  bool hidden = false;  ///< true lists only hidden images; Glance cannot list both at once
  /// Only images changed at or after this time. Deletions and lost rights are never reported.
  std::optional<std::chrono::sys_seconds> updated_since;
  /// Only images of exactly this name.
  std::optional<std::string> name;
  /// Begin with the image that was made first instead of last. Not with `updated_since`.
  bool oldest_first = false;
  /// Instead of all these: only images that were offered to our project, which has neither accepted
  /// nor rejected them. Nothing for administrators: to them Glance shows everybody's shared images
  /// and cannot tell the offers among them.
  bool offers = false;
  /// Only images of this visibility.
  std::optional<Visibility> visibility = {};
  /// Only images of this project; empty: of all.
  std::string owner = {};
};

/// What the project may use and uses; absent: not limited or not known.
struct Quota {
  std::optional<std::uint64_t> size_limit, size_used;    ///< bytes
  std::optional<std::uint64_t> count_limit, count_used;  ///< images
};

/// What there is to know of a site before it gets an image.
struct Site {
  /// The words it takes for disk_format and container_format, in its order. Empty: not limited.
  std::vector<std::string> disk_formats, container_formats;
  /// N of the API version 2.N that it calls the current one; absent: it does not tell.
  std::optional<unsigned> api_minor;
};

/// Work that the server does by itself, such as an import.
struct Task {
  std::string id;
  std::string status;  ///< Glance's word: pending, processing, success, failure
  /// How far it is, or, vaguely, why it failed: on one line, may be empty.
  std::string message;
  bool operator==(const Task&) const = default;
};

/// Whether a store gave the range, or gives only whole images.
enum class Delivery { kComplete, kRangesRefused };

/// The image service. Thread-safe. Methods block until done, throw HttpError (its code() is the
/// errno to report) and system_error(ECANCELED) after `stop`. Idempotent requests are repeated a
/// few times by the implementation; a 401 is answered with one new login. Two implementations,
/// Glance and tests/support's FakeImages, pass tests/contract/images_contract.h.
class Images : public Members, public Definitions {
 public:
  /// Calls `each` for every image that the query matches, page by page, on this thread. Records
  /// that make no sense (no UUID, sizes out of range) are left out and logged. Visible are: own
  /// images of every visibility, public ones, community ones, and shared ones that were accepted.
  /// With `updated_since` the order is that of the changes. ERRORS: also when the listing broke off
  /// in the middle: then what `each` got is not the whole.
  virtual void list(const ListQuery& query, const std::function<void(Image&&)>& each,
                    std::stop_token stop) = 0;

  /// One image. nullopt: there is none of this id, or it is not ours to see.
  virtual std::optional<Image> show(std::string_view id, std::stop_token stop) = 0;

  /// Writes bytes [offset, offset+length) of the image to `sink`, in order, none twice, after
  /// status, Content-Range and total have been checked. A broken transfer is taken up again at the
  /// byte reached. All of it is asked for with a plain GET, which Glance's own cache helps with and
  /// any store can answer. `image` must be active and have a size. kRangesRefused: the store gives
  /// whole images only, `sink` got nothing; use stream(). EIO when the data is lost or lies; ESTALE
  /// when the image is gone.
  virtual Delivery download(const Image& image, ByteRange range, Sink& sink,
                            std::stop_token stop) = 0;

  /// Writes the whole image to `sink` with one plain GET. A broken transfer is begun again and what
  /// `sink` already has is skipped, so it gets every byte once. EIO unless exactly size bytes come.
  virtual void stream(const Image& image, Sink& sink, std::stop_token stop) = 0;

  /// Makes a queued image. Repeating it with the same id is safe.
  virtual Image create(const Draft& draft, std::stop_token stop) = 0;

  /// Sends the data of a queued image, into `store` or, when that is empty, where the site keeps
  /// images by default. Not repeated by the implementation: after any error the caller asks show()
  /// what became of it.
  virtual void upload(std::string_view id, Source& data, std::string_view store,
                      std::stop_token stop) = 0;

  /// Sends the data of a queued image to a place from which import_staged() takes it; until then
  /// the image is "uploading". Not repeated, as upload(). EOPNOTSUPP when the site has no such
  /// place.
  virtual void stage(std::string_view id, Source& data, std::stop_token stop) = 0;

  /// Has the server bring staged data into all of `stores`, or where the site keeps images by
  /// default when there are none. Returns when the import has been accepted, not when it is done:
  /// see client/import_state.h. Not repeated: after any error show() tells whether it was accepted.
  virtual void import_staged(std::string_view id, const std::vector<std::string>& stores,
                             std::stop_token stop) = 0;

  /// What the server does or did for the image, oldest first. Empty when the site does not tell.
  virtual std::vector<Task> tasks(std::string_view id, std::stop_token stop) = 0;

  /// Applies all changes in one request, or none; answers the new record. EINVAL when Glance said
  /// yes but did not store a value.
  virtual Image update(std::string_view id, const std::vector<Change>& changes,
                       std::stop_token stop) = 0;

  /// Deletes the image. ENOENT when there is none, EPERM when it is protected.
  virtual void remove(std::string_view id, std::stop_token stop) = 0;

  /// Deactivates an active image, whose data only administrators can read then, or reactivates it;
  /// it may be so already. EINVAL when its status is neither; EACCES where the site leaves that to
  /// administrators.
  virtual void set_active(std::string_view id, bool active, std::stop_token stop) = 0;

  /// Has the server fetch the data of a queued image from `uri` (http or https) into all of
  /// `stores`, as import_staged(). EINVAL when the site does not allow that address, EBUSY when the
  /// image is not queued or is being imported.
  virtual void import_from(std::string_view id, std::string_view uri,
                           const std::vector<std::string>& stores, std::stop_token stop) = 0;

  /// Has the server copy an active image into `stores`, too, as import_staged(). EINVAL when it is
  /// in one of them already; EACCES: most sites leave that to administrators.
  virtual void copy(std::string_view id, const std::vector<std::string>& stores,
                    std::stop_token stop) = 0;

  /// Deletes the copy in `store`. EPERM: it is the only one; ENOENT: the image is not there.
  virtual void remove_from_store(std::string_view id, std::string_view store,
                                 std::stop_token stop) = 0;

  /// Empty fields when the site has no limits.
  virtual Quota quota(std::stop_token stop) = 0;

  /// Asked once, not repeated by the implementation: an upload can go on without the answer. An
  /// absent list of versions is no error.
  virtual Site site(std::stop_token stop) = 0;

  /// The stores that images can be brought into, in the site's order; empty where there is nothing
  /// to choose. nullopt: the site does not tell.
  virtual std::optional<std::vector<std::string>> stores(std::stop_token stop) = 0;

  /// The ways of import that the site offers, in Glance's words: "glance-direct" is the one of
  /// stage() and import_staged().
  virtual std::vector<std::string> import_methods(std::stop_token stop) = 0;
};

/// A new random UUID (version 4), lower case.
std::string new_uuid();
/// Whether `text` is a lower-case UUID.
bool is_uuid(std::string_view text) noexcept;

}  // namespace glancefs::client
