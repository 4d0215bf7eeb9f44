// POST /v2/images/{id}/import and what happens after its 202.
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "tests/devcloud/fetch.h"
#include "tests/devcloud/glance.h"
#include "tests/devcloud/inspection.h"

namespace glancefs::devcloud {
namespace {

constexpr const char* kTask = "os_glance_import_task";
constexpr const char* kImporting = "os_glance_importing_to_stores";
constexpr const char* kFailed = "os_glance_failed_import";
/// Long enough for a client that polls to see every state.
constexpr auto kStep = std::chrono::milliseconds(50);

void pause(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  condition.wait_for(lock, stop, kStep, [] { return false; });
}

bool has(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

/// An import, from its request to its end.
struct Glance::Import {
  std::string method;
  std::string uri;
  std::vector<std::string> stores;
  bool all_stores = false;
  bool must_succeed = true;  ///< one store that fails undoes the others
  std::string image_id;
  std::string task_id;
  std::string input;
  Caller caller;
};

void Glance::check_import(const Import& job) const {
  const Image& image = catalogue_.images.at(job.image_id);
  const bool copy = job.method == "copy-image";
  const std::string needed = copy                            ? "active"
                             : job.method == "glance-direct" ? "uploading"
                                                             : "queued";
  if (image.properties.contains(kTask))
    throw Problem(409, "", "Image has an import already in progress");
  if (image.status != needed)
    throw Problem(
        409, "",
        fmt::format("Image needs to be in '{}' status to use '{}' method", needed, job.method));
  if (!image.disk_format || !image.container_format)
    throw Problem(409, "", "'disk_format' or 'container_format' needs to be set before import");
  if (job.method == "web-download" && !may_fetch(job.uri))
    throw Problem(400, fmt::format("URI for web-download does not pass filtering: {}", job.uri));
}

void Glance::choose_stores(const Request& request, const Json& body, Import& job) const {
  job.all_stores = body.value("all_stores", false);
  job.must_succeed = body.value("all_stores_must_succeed", true);
  if (job.all_stores && body.contains("stores"))
    throw Problem(400,
                  "All_stores parameter can't be used with x-image-meta-store header or "
                  "stores parameter");
  if (job.all_stores)
    for (const StoreConfig& known : config_.stores) job.stores.push_back(known.id);
  else if (const Json& stores = member(body, "stores"); stores.is_array())
    job.stores = stores.get<std::vector<std::string>>();
  else
    job.stores = {request.header_or("X-Image-Meta-Store", default_store())};
  const Image& image = catalogue_.images.at(job.image_id);
  const bool copy = job.method == "copy-image";
  for (const std::string& id : job.stores) {
    if (store(id) == nullptr) throw Problem(409, "", fmt::format("Store {} is not available", id));
    if (copy && !job.all_stores && has(image.stores, id))
      throw Problem(400, "", fmt::format("Image is already present at store '{}'", id));
  }
  if (copy) std::erase_if(job.stores, [&](const std::string& id) { return has(image.stores, id); });
}

void Glance::begin_import(Import& job) {
  if (job.stores.empty()) return;
  Image& image = catalogue_.images.at(job.image_id);
  job.task_id = new_uuid();
  Task task;
  task.id = job.task_id;
  task.image_id = image.id;
  task.owner = job.caller.project_id;
  task.input = job.input;
  task.created_at = task.updated_at = std::chrono::system_clock::now();
  catalogue_.tasks[task.id] = std::move(task);
  image.properties[kTask] = job.task_id;
  image.properties[kImporting] =
      job.method == "copy-image" ? fmt::format("{}", fmt::join(job.stores, ",")) : "";
  image.properties[kFailed] = "";
  touch(image);
}

Response Glance::import(Call& call) {
  const Json body = json_body(call.exchange);
  if (!body.is_object() || member(body, "method").is_string()) throw Crash("no mapping");
  const Json& method = member(body, "method");
  if (method.is_null()) throw Problem(400, "Import request requires a 'method' field.");
  if (!method.contains("name")) throw Problem(400, "Import request requires a 'name' field.");
  Import job;
  job.method = text(method, "name");
  job.uri = text(method, "uri");
  job.image_id = call.path[1];
  job.caller = call.caller;
  job.input = body.dump();
  if (!has(config_.import_methods, job.method))
    throw Problem(400, fmt::format("Unknown import method name '{}'.", job.method));
  for (const char* flag : {"all_stores", "all_stores_must_succeed"})
    if (body.contains(flag) && !body[flag].is_boolean())
      throw Problem(400, fmt::format("'{}' must be boolean value only", flag));
  {
    const Lock lock(catalogue_.mutex);
    find(call, job.image_id, Access::kModify);
    if (job.method == "copy-image" && !call.caller.admin)
      throw Problem(403, "You are not authorized to complete copy_image action.");
    check_import(job);
    choose_stores(call.request, body, job);
    begin_import(job);
  }
  if (!job.task_id.empty()) {
    const Lock lock(workers_mutex_);
    workers_.emplace_back([this, job](std::stop_token stop) { run_import(job, std::move(stop)); });
  }
  Response response;
  response.status = 202;
  return response;
}

bool Glance::fetch_for_import(Import& job, std::shared_ptr<const Blob>& data) {
  if (job.method == "web-download") {
    auto body = fetch(job.uri);
    if (!body) return false;
    data = std::make_shared<const Blob>(std::move(*body));
    return true;
  }
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return false;
  data = job.method == "glance-direct" ? found->second.staged : found->second.data;
  return data != nullptr;
}

// A failed download goes back to queued; failed staged data stays importing for ever. What other
// stores have of it already is taken out again.
void Glance::fail_import(const Import& job, const std::vector<std::string>& failed, bool queued) {
  const Lock lock(catalogue_.mutex);
  catalogue_.tasks.at(job.task_id).status = "failure";
  catalogue_.tasks.at(job.task_id).message = "Task failed due to Internal Error";
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return;
  Image& image = found->second;
  if (job.method != "copy-image" && !image.stores.empty()) {
    image.stores.clear();
    image.size.reset();
  }
  if (job.method == "web-download" || queued) image.status = "queued";
  image.properties[kFailed] = fmt::format("{}", fmt::join(failed, ","));
  image.properties[kImporting] = "";
  image.properties.erase(kTask);
  touch(image);
}

// What Keystone's limit refuses is queued again, and no store is named: only the task tells.
bool Glance::refuse_over_limit(const Import& job, const Blob& data) {
  if (!config_.limits || config_.limits->image_size_total < 0) return false;
  const Lock lock(catalogue_.mutex);
  const std::string& project = job.caller.project_id;
  const auto used = static_cast<std::int64_t>(catalogue_.used_bytes(&project) >> 20U);
  const auto more = static_cast<std::int64_t>(data.size() >> 20U);
  if (used + more <= config_.limits->image_size_total) return false;
  Task& task = catalogue_.tasks.at(job.task_id);
  task.status = "failure";
  task.message = over_limit(project, "image_size_total", config_.limits->image_size_total, used,
                            static_cast<int>(more));
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return true;
  found->second.status = "queued";
  found->second.properties[kImporting] = "";
  found->second.properties.erase(kTask);
  touch(found->second);
  return true;
}

bool Glance::passes_inspection(const Import& job, const Blob& data) const {
  if (job.method == "copy-image") return true;
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(job.image_id);
  return found == catalogue_.images.end() || !inspect(found->second, data, config_);
}

bool Glance::fits(const Import& job, const std::string& id, const Blob& data) const {
  const Lock lock(catalogue_.mutex);
  const StoreConfig* where = store(id);
  if (where != nullptr && where->capacity &&
      catalogue_.store_bytes(id) + data.size() > *where->capacity)
    return false;
  if (!config_.user_storage_quota || config_.limits) return true;
  return catalogue_.used_bytes(&job.caller.project_id) + data.size() <= *config_.user_storage_quota;
}

void Glance::import_into(const Import& job, const std::string& store, bool activate,
                         const std::shared_ptr<const Blob>& data, const Hashes& hashes) {
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return;
  Image& image = found->second;
  if (activate && job.method != "copy-image") fill(image, data, hashes);
  image.stores.push_back(store);
  leave_store(image, store);
}

void Glance::leave_store(Image& image, const std::string& store) {
  auto left = split(image.properties[kImporting], ',');
  std::erase(left, store);
  image.properties[kImporting] = fmt::format("{}", fmt::join(left, ","));
  touch(image);
}

void Glance::skip_store(const Import& job, const std::string& store) {
  const Lock lock(catalogue_.mutex);
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return;
  std::string& failed = found->second.properties[kFailed];
  failed += (failed.empty() ? "" : ",") + store;
  leave_store(found->second, store);
}

void Glance::end_import(const Import& job) {
  const Lock lock(catalogue_.mutex);
  Task& task = catalogue_.tasks.at(job.task_id);
  task.status = "success";
  const auto found = catalogue_.images.find(job.image_id);
  if (found == catalogue_.images.end()) return;
  task.message = fmt::format("Copied {} MiB", found->second.size.value_or(0) >> 20U);
  found->second.staged.reset();
  found->second.properties.erase(kTask);
  touch(found->second);
}

void Glance::run_import(Import job, std::stop_token stop) {
  pause(stop);
  {
    const Lock lock(catalogue_.mutex);
    catalogue_.tasks.at(job.task_id).status = "processing";
    const auto found = catalogue_.images.find(job.image_id);
    if (found == catalogue_.images.end()) return;
    if (job.method != "copy-image") found->second.status = "importing";
    found->second.properties[kImporting] = fmt::format("{}", fmt::join(job.stores, ","));
    touch(found->second);
  }
  while (imports_held_ && !stop.stop_requested()) pause(stop);
  std::shared_ptr<const Blob> data;
  if (!fetch_for_import(job, data)) {
    pause(stop);
    fail_import(job, job.stores, false);
    return;
  }
  if (job.method == "glance-direct" && refuse_over_limit(job, *data)) return;
  if (!passes_inspection(job, *data)) return fail_import(job, {job.stores.front()}, true);
  const Hashes hashes = job.method == "copy-image" ? Hashes{} : data->hashes();
  bool active = false;
  for (const std::string& store : job.stores) {
    pause(stop);
    if (stop.stop_requested()) return;
    if (fits(job, store, *data)) {
      // An import that must succeed everywhere shows the image at its very end.
      const bool activate = job.must_succeed ? store == job.stores.back() : !active;
      import_into(job, store, activate, data, hashes);
      active = active || activate;
    } else if (job.must_succeed) {
      return fail_import(job, {store}, false);
    } else {
      skip_store(job, store);
    }
  }
  pause(stop);
  end_import(job);
}

Response Glance::tasks(Call& call) {
  const Lock lock(catalogue_.mutex);
  const Image& image = find(call, call.path[1], Access::kSee);
  Json tasks = Json::array();
  for (const auto& [id, task] : catalogue_.tasks) {
    if (task.image_id != image.id || (!call.caller.admin && task.owner != call.caller.project_id))
      continue;
    tasks.push_back({{"id", id},
                     {"type", "api_image_import"},
                     {"status", task.status},
                     {"owner", task.owner},
                     {"message", task.message},
                     {"input", Json::parse(task.input)},
                     {"result", nullptr},
                     {"image_id", image.id},
                     {"created_at", iso_time(task.created_at)},
                     {"updated_at", iso_time(task.updated_at)},
                     {"expires_at", iso_time(task.created_at + std::chrono::hours(48))},
                     {"schema", "/v2/schemas/task"}});
  }
  return json_response({{"tasks", tasks}});
}

}  // namespace glancefs::devcloud
