// Glance v2 as Debian 12 runs it (25.1 under eventlet): routing, authentication and the handlers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/devcloud/catalogue.h"
#include "tests/devcloud/exchange.h"
#include "tests/devcloud/identity.h"
#include "tests/devcloud/json.h"

namespace glancefs::devcloud {

/// On whose behalf a request comes.
struct Caller {
  std::string user_id;
  std::string project_id;  ///< empty: the token is scoped to no project
  bool admin = false;

  bool owns(const Image& image) const {
    return image.owner && !project_id.empty() && *image.owner == project_id;
  }
};

class Glance {
 public:
  Glance(const Config& config, Catalogue& catalogue, Identity& identity, Traffic& traffic);
  /// Ends the running imports.
  ~Glance();
  Glance(const Glance&) = delete;
  Glance& operator=(const Glance&) = delete;

  /// Where Keystone is, for WWW-Authenticate.
  void set_keystone_url(std::string url) { keystone_url_ = std::move(url); }
  Response handle(Exchange& exchange);
  /// While held, imports go no further than "importing".
  void hold_imports(bool hold) noexcept { imports_held_ = hold; }

 private:
  struct Call {
    Exchange& exchange;
    const Request& request;
    Caller caller;
    std::vector<std::string> path;  ///< segments after the version
  };
  enum class Access { kSee, kModify };

  // glance.cc: routing
  Response dispatch(Exchange& exchange, bool& reached);
  Caller authenticate(const Request& request);
  Response route(Call& call);
  Response images(Call& call);
  Response image_resource(Call& call);
  Response plain_versions(const Request& request, int status) const;

  /// The image, if the caller may; throws Problem 404 or 403.
  Image& find(const Call& call, const std::string& id, Access access) REQUIRES(catalogue_.mutex);
  void touch(Image& image);

  // glance_records.cc
  Response create(Call& call);
  Response show(Call& call);
  Response remove(Call& call);
  Response remove_from_store(Call& call);
  Response action(Call& call);
  Response tag(Call& call);
  Json record(const Image& image) const;
  void check_image_count(const Caller& caller) const REQUIRES(catalogue_.mutex);
  // glance_list.cc
  Response list(Call& call);
  // glance_patch.cc
  Response patch(Call& call);
  // glance_download.cc
  Response download(Call& call);
  // glance_upload.cc
  struct Upload;
  Response upload(Call& call);
  Response stage(Call& call);
  void begin_upload(Call& call, Upload& up);
  void refuse_early(std::optional<std::uint64_t> length, std::optional<std::uint64_t> quota,
                    std::optional<std::uint64_t> space) const;
  void receive(Call& call, Upload& up);
  Response finish_upload(Call& call, Upload& up);
  void restore(const Upload& up);
  void check_size_quota(const Caller& caller) const REQUIRES(catalogue_.mutex);
  std::optional<std::uint64_t> room(const Upload& up, bool quota) const REQUIRES(catalogue_.mutex);
  // glance_members.cc
  Response members(Call& call);
  Response add_member(Call& call, Image& image) REQUIRES(catalogue_.mutex);
  Response one_member(Call& call, Image& image) REQUIRES(catalogue_.mutex);
  // glance_import.cc
  struct Import;
  Response import(Call& call);
  Response tasks(Call& call);
  void check_import(const Import& job) const REQUIRES(catalogue_.mutex);
  void choose_stores(const Request& request, const Json& body, Import& job) const
      REQUIRES(catalogue_.mutex);
  void begin_import(Import& job) REQUIRES(catalogue_.mutex);
  void run_import(Import job, std::stop_token stop);
  bool fetch_for_import(Import& job, std::shared_ptr<const Blob>& data);
  void fail_import(const Import& job, const std::vector<std::string>& failed, bool queued);
  bool refuse_over_limit(const Import& job, const Blob& data);
  bool passes_inspection(const Import& job, const Blob& data) const;
  bool fits(const Import& job, const std::string& id, const Blob& data) const;
  void leave_store(Image& image, const std::string& store) REQUIRES(catalogue_.mutex);
  void skip_store(const Import& job, const std::string& store);
  void import_into(const Import& job, const std::string& store, bool activate,
                   const std::shared_ptr<const Blob>& data, const Hashes& hashes);
  void end_import(const Import& job);
  // glance_info.cc
  Response info(Call& call);
  Response usage(const Caller& caller);
  Response schema(Call& call);
  // metadefs.cc
  Response metadefs(Call& call);

  const StoreConfig* store(const std::string& id) const;
  /// The default store's id; empty without multi-store.
  std::string default_store() const;

  const Config& config_;
  Catalogue& catalogue_;
  Identity& identity_;
  Traffic& traffic_;
  std::string keystone_url_;
  std::atomic<bool> imports_held_{false};
  Mutex workers_mutex_;
  std::vector<std::jthread> workers_ GUARDED_BY(workers_mutex_);
};

Response no_content();
/// The error body the client's Accept header asks for.
Response problem_response(const Problem& problem, const Request& request);
/// How Keystone's limits are said to be exceeded.
std::string over_limit(const std::string& project, std::string_view resource, std::int64_t limit,
                       std::int64_t usage, int delta);
/// The body as JSON; throws Problem 400.
Json json_body(Exchange& exchange);
/// Checks one attribute of an image record against the schema; throws Problem 400.
void check_attribute(const Config& config, const std::string& key, const Json& value);
/// Sets a base attribute the schema has accepted. False: `key` is no settable base attribute.
bool set_attribute(Image& image, const std::string& key, const Json& value);
/// Characters, not bytes.
std::size_t utf8_length(std::string_view text);

}  // namespace glancefs::devcloud
