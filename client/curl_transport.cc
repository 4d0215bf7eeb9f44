#include "client/curl_transport.h"

#include <cerrno>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"
#include "client/curl_connection.h"
#include "client/curl_exchange.h"

namespace glancefs::client {
namespace {

// More than a mount ever uses at once; what is beyond is closed.
constexpr std::size_t kMaxIdle = 16;

void initialise_libcurl() {
  // Never undone: other threads may still be cleaning up when the last transport goes.
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (once != CURLE_OK) throw_errno(EIO, "libcurl cannot be initialised");
}

std::string origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(0, url.find_first_of("/?#", begin));
}

// Cleaning up a handle waits for its resolver thread, up to half a minute when no name server
// answers. Nobody else should wait for that; the thread touches nothing but the handle.
void discard_slowly(std::unique_ptr<CurlConnection> connection) noexcept {
  try {
    std::thread([connection = std::move(connection)]() mutable { connection.reset(); }).detach();
  } catch (const std::system_error&) {
    // No thread to be had: the handle went with the lambda, and we have waited.
  }
}

}  // namespace

std::string http_library() { return ::curl_version(); }

TransportConfig transport_config(const Cloud& cloud,
                                 const std::map<std::string, std::string>& environment) {
  TransportConfig config;
  config.verify = cloud.verify;
  config.ca_file = cloud.ca_file;
  config.client_certificate = cloud.client_certificate;
  config.client_key = cloud.client_key;
  config.user_agent = "glancefs/" GLANCEFS_VERSION;
  for (const char* name : {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const auto found = environment.find(name);
    if (config.ca_file.empty() && found != environment.end()) config.ca_file = found->second;
  }
  return config;
}

struct CurlTransport::Pool {
  std::unique_ptr<CurlConnection> take(const std::string& origin) {
    const Lock lock(mutex);
    // The one used last is the least likely to have been closed by the server.
    for (auto candidate = idle.rbegin(); candidate != idle.rend(); ++candidate) {
      if ((*candidate)->origin() != origin) continue;
      auto connection = std::move(*candidate);
      idle.erase(std::next(candidate).base());
      return connection;
    }
    return nullptr;
  }

  void give_back(std::unique_ptr<CurlConnection> connection) {
    std::unique_ptr<CurlConnection> oldest;  // destroyed after the lock
    const Lock lock(mutex);
    idle.push_back(std::move(connection));
    if (idle.size() <= kMaxIdle) return;
    oldest = std::move(idle.front());
    idle.erase(idle.begin());
  }

  Mutex mutex;
  std::vector<std::unique_ptr<CurlConnection>> idle GUARDED_BY(mutex);
};

CurlTransport::CurlTransport(TransportConfig config)
    : config_(std::move(config)),
      pool_(std::make_unique<Pool>()) {
  initialise_libcurl();
}

CurlTransport::~CurlTransport() = default;

Response CurlTransport::perform(const Request& request, Operation operation, Source* source,
                                Sink* sink, std::stop_token stop) {
  const std::string origin = origin_of(request.url);
  auto connection = pool_->take(origin);
  if (!connection) connection = std::make_unique<CurlConnection>(origin);
  bool slow = false;
  try {
    CurlExchange exchange(*connection, config_, request, operation, source, sink);
    try {
      Response response = exchange.run(stop);
      pool_->give_back(std::move(connection));
      return response;
    } catch (...) {
      slow = connection && exchange.resolving();
      throw;
    }
  } catch (...) {
    // A connection in doubt is never used again.
    if (slow) discard_slowly(std::move(connection));
    throw;
  }
}

}  // namespace glancefs::client
