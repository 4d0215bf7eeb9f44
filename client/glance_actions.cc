// What Glance does with whole images by itself: imports, copies, (de)activation.
#include "client/glance.h"
#include "client/glance_request.h"
#include "client/image_json.h"
#include "client/url_text.h"

namespace glancefs::client {

void Glance::set_active(std::string_view id, bool active, std::stop_token stop) {
  const std::string path = image_path(id) + "/actions/" + (active ? "reactivate" : "deactivate");
  session_.call(request_for("POST", path), Operation::kAction, true, nullptr, nullptr,
                std::move(stop));
}

// A repetition would meet the task of the first.
void Glance::order_import(std::string_view id, const ImportOrder& order, std::stop_token stop) {
  session_.call(json_request("POST", image_path(id) + "/import", import_json(order)),
                Operation::kAction, false, nullptr, nullptr, std::move(stop));
}

void Glance::import_staged(std::string_view id, const std::vector<std::string>& stores,
                           std::stop_token stop) {
  order_import(id, {.method = "glance-direct", .uri = {}, .stores = stores}, std::move(stop));
}

void Glance::import_from(std::string_view id, std::string_view uri,
                         const std::vector<std::string>& stores, std::stop_token stop) {
  order_import(id, {.method = "web-download", .uri = uri, .stores = stores}, std::move(stop));
}

void Glance::copy(std::string_view id, const std::vector<std::string>& stores,
                  std::stop_token stop) {
  order_import(id, {.method = "copy-image", .uri = {}, .stores = stores}, std::move(stop));
}

void Glance::remove_from_store(std::string_view id, std::string_view store, std::stop_token stop) {
  static_cast<void>(image_path(id));  // EINVAL: not an image id
  const std::string path = "/v2/stores/" + url_encoded(store) + "/" + std::string(id);
  session_.call(request_for("DELETE", path), Operation::kAction, false, nullptr, nullptr,
                std::move(stop));
}

}  // namespace glancefs::client
