// An image service in memory, for tests: client::Images with the manners of Glance, and with hooks
// to make its calls fail, wait and be counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "client/images.h"

namespace glancefs::test {

/// Deterministic: no timers, no randomness; its date starts at 2026-01-01 and moves one second with
/// every change. Checksums are real (MD5 and SHA-512). Thread-safe. Outlives its callers' calls.
class FakeImages : public client::Images {
 public:
  enum class Call {
    kList,
    kShow,
    kDownload,
    kStream,
    kCreate,
    kUpload,
    kStage,
    kImport,
    kUpdate,
    kRemove,
    kQuota,
    kSite,
    kStores,
    kMembers,  ///< members(), offer(), withdraw(), answer()
    kAction,   ///< set_active(), remove_from_store()
    kDefinitions,
  };
  /// How imports go. Each show() of an image takes its import one step further.
  enum class ImportEnd {
    kGood,
    kStuck,    ///< importing for ever, without a task
    kQueued,   ///< queued again, with the name of the store
    kRefused,  ///< queued again, by a quota; only the task tells
    kNever,    ///< it begins and does not move
  };

  FakeImages();
  ~FakeImages() override;

  // The catalogue, as somebody else's hand changes it. None of these is counted, held or failed.

  /// An active image with `data`, private, raw and bare, owned by project(); `adjust` may change
  /// the record before it appears. Shared by somebody else it is shared with us, who have accepted.
  client::Image add(const std::string& name, std::string data,
                    const std::function<void(client::Image&)>& adjust = {});
  /// Puts a record as it is, whatever it says, in place of any with this id.
  void put(client::Image record, std::string data = {});
  /// Changes a record; its `updated` moves on.
  void edit(const std::string& id, const std::function<void(client::Image&)>& adjust);
  void erase(const std::string& id);
  /// Replaces the stored bytes without touching the record: rot, or a lie.
  void set_data(const std::string& id, std::string data);
  /// The store has lost the bytes: downloads answer 204, so EIO.
  void lose_data(const std::string& id);

  std::optional<client::Image> find(const std::string& id) const;
  /// The id of the only image called `name`; empty when there is none or more than one.
  std::string id_of(std::string_view name) const;
  std::string data(const std::string& id) const;
  std::size_t count() const;

  /// Whose token the caller has. Default project "0123456789abcdef0123456789abcdef", no admin.
  void set_caller(std::string project, bool admin);
  std::string project() const;
  /// From now on the store gives whole images only.
  void refuse_ranges(bool refuse);
  /// From now on the store answers any range with the beginning of the image.
  void lie_about_ranges(bool lie);
  void set_quota(client::Quota quota);
  /// What site() answers. Default: Glance's own formats and an API that is older than its looking
  /// into images.
  void set_site(client::Site site);
  /// Default: fast and slow; none: the site has nothing to choose from.
  void set_stores(std::vector<std::string> stores);
  /// Default: glance-direct and web-download.
  void set_import_methods(std::vector<std::string> methods);
  /// What `uri` gives to imports; every other address fails.
  void set_web(const std::string& uri, std::string data);
  /// Makes `project` a member of a shared image, or changes what it says, whoever asks.
  void set_member(const std::string& id, const std::string& project, client::MemberStatus status);
  /// Default: none.
  void set_definitions(std::vector<client::PropertyDefinition> definitions);
  /// From now on imports end so, also those that run.
  void set_import_end(ImportEnd end);
  /// Runs at the end of every successful upload, without a lock held, before the caller learns of
  /// it: the place to break the record.
  void on_uploaded(std::function<void(const std::string& id)> hook);

  // Faults and gates.

  /// The calls number `after`+1 … `after`+`times` from now of this kind throw `error`. Data calls
  /// throw after `bytes` bytes have passed.
  void fail(Call call, std::exception_ptr error, int times = 1, int after = 0,
            std::uint64_t bytes = 0);
  /// Calls of this kind wait, data calls after `bytes` bytes, until release(). A call that is told
  /// to stop leaves with ECANCELED.
  void hold(Call call, std::uint64_t bytes = 0);
  /// Lets `count` waiting or coming calls pass; 0: all, and stops holding.
  void release(Call call, int count = 0);

  /// Calls of this kind begun so far; those running now; those waiting at the gate now.
  int calls(Call call) const;
  int running(Call call) const;
  int waiting(Call call) const;
  /// The most calls of this kind that ever ran at once.
  int most_at_once(Call call) const;
  /// Waits until calls() or waiting() is at least `count`; false after 10 s.
  bool wait_for_calls(Call call, int count) const;
  bool wait_for_waiting(Call call, int count) const;
  /// Waits until no call of this kind runs; false after 10 s.
  bool wait_for_idle(Call call) const;
  /// Every range asked for of this image by download(), in order.
  std::vector<client::ByteRange> ranges(const std::string& id) const;

  // client::Images
  void list(const client::ListQuery& query, const std::function<void(client::Image&&)>& each,
            std::stop_token stop) override;
  std::optional<client::Image> show(std::string_view id, std::stop_token stop) override;
  client::Delivery download(const client::Image& image, client::ByteRange range, client::Sink& sink,
                            std::stop_token stop) override;
  void stream(const client::Image& image, client::Sink& sink, std::stop_token stop) override;
  client::Image create(const client::Draft& draft, std::stop_token stop) override;
  void upload(std::string_view id, client::Source& data, std::string_view store,
              std::stop_token stop) override;
  void stage(std::string_view id, client::Source& data, std::stop_token stop) override;
  void import_staged(std::string_view id, const std::vector<std::string>& stores,
                     std::stop_token stop) override;
  std::vector<client::Task> tasks(std::string_view id, std::stop_token stop) override;
  client::Image update(std::string_view id, const std::vector<client::Change>& changes,
                       std::stop_token stop) override;
  void remove(std::string_view id, std::stop_token stop) override;
  void set_active(std::string_view id, bool active, std::stop_token stop) override;
  void import_from(std::string_view id, std::string_view uri,
                   const std::vector<std::string>& stores, std::stop_token stop) override;
  void copy(std::string_view id, const std::vector<std::string>& stores,
            std::stop_token stop) override;
  void remove_from_store(std::string_view id, std::string_view store,
                         std::stop_token stop) override;
  std::vector<client::Member> members(std::string_view id, std::stop_token stop) override;
  void offer(std::string_view id, std::string_view project, std::stop_token stop) override;
  void withdraw(std::string_view id, std::string_view project, std::stop_token stop) override;
  void answer(std::string_view id, std::string_view project, client::MemberStatus status,
              std::stop_token stop) override;
  std::vector<client::PropertyDefinition> definitions(std::stop_token stop) override;
  client::Quota quota(std::stop_token stop) override;
  client::Site site(std::stop_token stop) override;
  std::optional<std::vector<std::string>> stores(std::stop_token stop) override;
  std::vector<std::string> import_methods(std::stop_token stop) override;

 private:
  using Bytes = std::shared_ptr<const std::string>;
  struct Record {
    client::Image image;
    Bytes data = nullptr;    ///< null: none
    Bytes staged = nullptr;  ///< null: none
    std::map<std::string, client::MemberStatus, std::less<>> members = {};
    std::vector<client::Task> tasks = {};
    int import_step = 0;
  };
  struct Fault {
    std::exception_ptr error;
    int skip = 0, times = 0;
    std::uint64_t bytes = 0;
  };
  struct Gate {
    bool closed = false;
    std::uint64_t bytes = 0;
    int tickets = 0;
    int calls = 0, running = 0, waiting = 0, most = 0;
    std::vector<Fault> faults;
  };
  class Passage;

  int value(Call call, int Gate::*number) const;
  bool wait_for(Call call, const std::function<bool(const Gate&)>& reached) const;
  std::chrono::sys_seconds tick() REQUIRES(mutex_);
  bool may_see(const Record& record) const REQUIRES(mutex_);
  bool may_list(const Record& record, const client::ListQuery& query) const REQUIRES(mutex_);
  void accept_shared(Record& record) const REQUIRES(mutex_);
  Record& shared(std::string_view id, std::string_view request) REQUIRES(mutex_);
  std::vector<client::Image> matching(const client::ListQuery& query) const;
  Record& own(client::Operation operation, std::string_view id, std::string_view request)
      REQUIRES(mutex_);
  void set_visibility(client::Operation operation, client::Image& image,
                      client::Visibility visibility) const REQUIRES(mutex_);
  void apply(client::Operation operation, client::Image& image, const client::Change& change) const
      REQUIRES(mutex_);
  Bytes content(const std::string& id);
  void begin_upload(const std::string& id, client::Status next);
  void abort_upload(const std::string& id);
  void finish_upload(const std::string& id, std::string data, std::string_view store);
  void finish_staging(const std::string& id, std::string data);
  std::string receive(Passage& passage, const std::string& id, client::Source& data);
  void check_store(client::Operation operation, int status, std::string_view store) const
      REQUIRES(mutex_);
  void begin_import(Record& record, const std::vector<std::string>& stores) REQUIRES(mutex_);
  void check_no_import(const Record& record) const REQUIRES(mutex_);
  void advance_import(Record& record) REQUIRES(mutex_);
  void bring_into_a_store(Record& record) REQUIRES(mutex_);
  void fail_import(Record& record) REQUIRES(mutex_);
  void end_import(Record& record, const std::string& status, const std::string& message)
      REQUIRES(mutex_);
  static void give(Passage& passage, const Bytes& data, client::ByteRange range, int status,
                   client::Sink& sink);

  mutable Mutex mutex_;
  mutable Condition changed_;
  std::map<std::string, Record, std::less<>> records_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> used_ids_ GUARDED_BY(mutex_);
  mutable std::map<Call, Gate> gates_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<client::ByteRange>> ranges_ GUARDED_BY(mutex_);
  std::chrono::sys_seconds now_ GUARDED_BY(mutex_);
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::string project_ GUARDED_BY(mutex_) = "0123456789abcdef0123456789abcdef";
  bool admin_ GUARDED_BY(mutex_) = false;
  bool ranges_refused_ GUARDED_BY(mutex_) = false;
  bool ranges_lie_ GUARDED_BY(mutex_) = false;
  client::Quota quota_ GUARDED_BY(mutex_);
  client::Site site_ GUARDED_BY(mutex_){
      .disk_formats = {"ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso",
                       "ploop"},
      .container_formats = {"ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"},
      .api_minor = 15};
  std::vector<std::string> stores_ GUARDED_BY(mutex_) = {"fast", "slow"};
  std::vector<std::string> import_methods_ GUARDED_BY(mutex_) = {"glance-direct", "web-download"};
  std::map<std::string, Bytes, std::less<>> web_ GUARDED_BY(mutex_);
  std::vector<client::PropertyDefinition> definitions_ GUARDED_BY(mutex_);
  ImportEnd import_end_ GUARDED_BY(mutex_) = ImportEnd::kGood;
  std::function<void(const std::string&)> uploaded_ GUARDED_BY(mutex_);
};

/// A Sink that keeps what it gets.
class StringSink : public client::Sink {
 public:
  void write(std::span<const std::byte> bytes) override {
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// A Source of given text.
class StringSource : public client::Source {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<std::byte> into) override;
  void restart() override { at_ = 0; }
  std::uint64_t size() const override { return text_.size(); }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace glancefs::test
