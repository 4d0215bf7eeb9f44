#include "tests/devcloud/devcloud.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "tests/devcloud/glance.h"
#include "tests/devcloud/http_server.h"
#include "tests/devcloud/keystone.h"

namespace glancefs::devcloud {
namespace {

HttpServer::Options server_options(const Config& config, Service service) {
  HttpServer::Options options;
  options.service = service;
  options.port = service == Service::kGlance ? config.glance_port : config.keystone_port;
  options.tls_certificate = config.tls_certificate;
  options.tls_key = config.tls_key;
  return options;
}

std::string base_url(const HttpServer& server) {
  return fmt::format("{}://127.0.0.1:{}", server.tls() ? "https" : "http", server.port());
}

}  // namespace

struct DevCloud::Parts {
  explicit Parts(Config chosen)
      : config(std::move(chosen)),
        keystone(config, identity),
        glance(config, catalogue, identity, traffic),
        keystone_server(
            server_options(config, Service::kKeystone),
            [this](Exchange& e) { return keystone.handle(e); }, faults, traffic),
        glance_server(
            server_options(config, Service::kGlance),
            [this](Exchange& e) { return glance.handle(e); }, faults, traffic) {
    keystone.set_urls(base_url(keystone_server) + "/v3", base_url(glance_server));
    glance.set_keystone_url(base_url(keystone_server) + "/v3");
  }

  Config config;
  Catalogue catalogue;
  Identity identity;
  FaultTable faults;
  mutable Traffic traffic;
  Keystone keystone;
  Glance glance;
  HttpServer keystone_server;
  HttpServer glance_server;
};

DevCloud::DevCloud(Config config) : parts_(std::make_unique<Parts>(std::move(config))) {}

DevCloud::~DevCloud() { parts_->faults.clear(); }

std::string DevCloud::auth_url() const { return base_url(parts_->keystone_server) + "/v3"; }
std::string DevCloud::glance_url() const { return base_url(parts_->glance_server); }
const Config& DevCloud::config() const { return parts_->config; }

Account DevCloud::account(const std::string& user_name) const {
  const Identity& identity = parts_->identity;
  const Lock lock(identity.mutex);
  const User* user = identity.user_by_name(user_name);
  if (user == nullptr) throw std::out_of_range("no user " + user_name);
  return Account{user->name, user->id, identity.projects.at(user->project_id).name,
                 user->project_id, user->password};
}

AppCredential DevCloud::app_credential() const {
  const Lock lock(parts_->identity.mutex);
  for (const auto& [id, credential] : parts_->identity.app_credentials)
    if (credential.name == kDemoCredential) return credential;
  throw std::out_of_range("the application credential was deleted");
}

Trust DevCloud::trust() const {
  const Lock lock(parts_->identity.mutex);
  return parts_->identity.trusts.begin()->second;
}

void DevCloud::set_default_project(const std::string& user_name) {
  const Account known = account(user_name);
  const Lock lock(parts_->identity.mutex);
  parts_->identity.users.at(known.user_id).default_project = known.project_id;
}

void DevCloud::set_password(const std::string& user_name, const std::string& password) {
  const Account known = account(user_name);
  const Lock lock(parts_->identity.mutex);
  parts_->identity.users.at(known.user_id).password = password;
}

std::string DevCloud::issue_token(const std::string& user_name, std::chrono::seconds life) {
  const Account known = account(user_name);
  const Lock lock(parts_->identity.mutex);
  Token token;
  token.user_id = known.user_id;
  token.project_id = known.project_id;
  token.role = parts_->identity.users.at(known.user_id).role;
  token.scope = Scope::kProject;
  token.methods = {"password"};
  token.issued_at = std::chrono::system_clock::now();
  token.expires_at = token.issued_at + life;
  std::string id = new_token();
  parts_->identity.tokens[id] = std::move(token);
  return id;
}

void DevCloud::revoke_tokens() {
  const Lock lock(parts_->identity.mutex);
  parts_->identity.tokens.clear();
}

void DevCloud::expire_tokens() {
  const Lock lock(parts_->identity.mutex);
  for (auto& [id, token] : parts_->identity.tokens)
    token.expires_at = std::chrono::system_clock::now() - std::chrono::seconds(1);
}

void DevCloud::keystone_down(bool down) {
  {
    const Lock lock(parts_->identity.mutex);
    parts_->identity.reachable = !down;
  }
  if (down)
    parts_->keystone_server.down();
  else
    parts_->keystone_server.up();
}

void DevCloud::glance_down(bool down) {
  if (down)
    parts_->glance_server.down();
  else
    parts_->glance_server.up();
}

std::string DevCloud::add_image(Image image, std::optional<Blob> data,
                                std::optional<Hashes> hashes) {
  if (image.id.empty()) image.id = new_uuid();
  if (!image.owner) image.owner = demo().project_id;
  const Time now = std::chrono::system_clock::now();
  if (image.created_at == Time()) image.created_at = now;
  if (image.updated_at == Time()) image.updated_at = image.created_at;
  if (data) {
    const auto blob = std::make_shared<const Blob>(std::move(*data));
    fill(image, blob, hashes ? *hashes : blob->hashes());
    if (image.stores.empty())
      for (const StoreConfig& store : parts_->config.stores)
        if (store.is_default) image.stores = {store.id};
  }
  std::string id = image.id;
  {
    const Lock lock(parts_->catalogue.mutex);
    parts_->catalogue.images[id] = std::move(image);
  }
  parts_->traffic.changed();
  return id;
}

std::optional<Image> DevCloud::image(const std::string& id) const {
  const Lock lock(parts_->catalogue.mutex);
  const auto found = parts_->catalogue.images.find(id);
  if (found == parts_->catalogue.images.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> DevCloud::image_ids() const {
  const Lock lock(parts_->catalogue.mutex);
  std::vector<std::string> ids;
  for (const auto& [id, image] : parts_->catalogue.images) ids.push_back(id);
  return ids;
}

bool DevCloud::change_image(const std::string& id, const std::function<void(Image&)>& change) {
  {
    const Lock lock(parts_->catalogue.mutex);
    const auto found = parts_->catalogue.images.find(id);
    if (found == parts_->catalogue.images.end()) return false;
    found->second.updated_at = std::chrono::system_clock::now();
    change(found->second);
  }
  parts_->traffic.changed();
  return true;
}

bool DevCloud::delete_image(const std::string& id) {
  const Lock lock(parts_->catalogue.mutex);
  auto node = parts_->catalogue.images.extract(id);
  if (node.empty()) return false;
  parts_->catalogue.deleted.insert(std::move(node));
  return true;
}

bool DevCloud::erase_data(const std::string& id) {
  return change_image(id, [](Image& image) { image.data.reset(); });
}

bool DevCloud::truncate_data(const std::string& id, std::uint64_t size) {
  return change_image(id, [size](Image& image) {
    Blob blob = *image.data;
    blob.resize(size);
    image.data = std::make_shared<const Blob>(std::move(blob));
  });
}

bool DevCloud::corrupt_data(const std::string& id, std::uint64_t offset, std::string bytes) {
  return change_image(id, [&](Image& image) {
    Blob blob = *image.data;
    blob.overwrite(offset, std::move(bytes));
    image.data = std::make_shared<const Blob>(std::move(blob));
  });
}

bool DevCloud::set_status(const std::string& id, const std::string& status) {
  return change_image(id, [&](Image& image) { image.status = status; });
}

void DevCloud::hold_imports(bool hold) { parts_->glance.hold_imports(hold); }

int DevCloud::add_fault(Fault fault) { return parts_->faults.add(std::move(fault)); }
void DevCloud::remove_fault(int id) { parts_->faults.remove(id); }
void DevCloud::clear_faults() { parts_->faults.clear(); }
void DevCloud::release_fault(int id) { parts_->faults.release(id); }
int DevCloud::fault_hits(int id) const { return parts_->faults.hits(id); }

std::vector<LogEntry> DevCloud::log() const { return parts_->traffic.log(); }
void DevCloud::clear_log() { parts_->traffic.clear(); }
std::size_t DevCloud::requests(std::string_view method, std::string_view pattern) const {
  return parts_->traffic.count(method, pattern);
}
int DevCloud::connections() const { return parts_->traffic.connections(); }
int DevCloud::open_connections() const { return parts_->traffic.open_connections(); }
bool DevCloud::wait_until(const std::function<bool()>& predicate,
                          std::chrono::milliseconds timeout) const {
  return parts_->traffic.wait_until(predicate, timeout);
}

Image image_named(std::string name) {
  Image image;
  image.name = std::move(name);
  image.visibility = "private";
  image.disk_format = "raw";
  image.container_format = "bare";
  return image;
}

}  // namespace glancefs::devcloud
