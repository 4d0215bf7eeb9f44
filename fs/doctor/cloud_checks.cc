#include "fs/doctor/cloud_checks.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <initializer_list>
#include <sstream>
#include <utility>

#include "base/fd.h"
#include "client/keystone_body.h"
#include "client/observed_transport.h"
#include "client/retry.h"

namespace glancefs::fs {
namespace {

using std::chrono::seconds;

constexpr std::size_t kEnoughImages = 1000;
constexpr std::size_t kMostStores = 8;
// TOTP codes last half a minute, and lines of two logs should lie side by side.
constexpr seconds kTolerableSkew{30};

struct AddressList {
  AddressList() = default;
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
  addrinfo* first = nullptr;
};

int look_up(const Origin& origin, AddressList& list) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  return ::getaddrinfo(origin.host.c_str(), std::to_string(origin.port).c_str(), &hints,
                       &list.first);
}

std::string numeric(const addrinfo& address) {
  std::array<char, NI_MAXHOST> text{};
  ::getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
  return text.data();
}

// 0, or the errno.
int try_connect(const addrinfo& address, std::chrono::milliseconds limit) {
  const Fd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string value_of(const std::map<std::string, std::string>& environment,
                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) return found->second;
  }
  return {};
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1";
}

std::string duration(seconds time) {
  if (time < seconds(120)) return fmt::format("{} s", time.count());
  if (time < seconds(7200)) return fmt::format("{} min", time.count() / 60);
  return fmt::format("{} h", time.count() / 3600);
}

// Takes the one byte.
class OneByte : public client::Sink {
 public:
  void write(std::span<const std::byte> bytes) override { size_ += bytes.size(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

std::string store_of(const client::Image& image) {
  const std::string* stores = client::find_property(image.properties, "stores");
  return stores == nullptr ? std::string() : *stores;
}

}  // namespace

std::optional<Origin> origin_of(const std::string& url) {
  Origin origin;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return std::nullopt;
  origin.scheme = url.substr(0, scheme);
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  origin.port = origin.scheme == "https" ? 443 : 80;
  std::string host = url.substr(scheme + 3, url.find_first_of("/?#", scheme + 3) - scheme - 3);
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  if (has_port) {
    const char* const end = host.data() + host.size();
    const auto [rest, error] = std::from_chars(host.data() + colon + 1, end, origin.port);
    if (error != std::errc{} || rest != end) return std::nullopt;
    host.resize(colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return std::nullopt;
  origin.host = std::move(host);
  return origin;
}

std::string proxy_for(const Origin& origin, const std::map<std::string, std::string>& environment) {
  // libcurl does not read HTTP_PROXY, which a request to a CGI program can set.
  const std::string proxy =
      origin.scheme == "https"
          ? value_of(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
          : value_of(environment, {"http_proxy", "all_proxy", "ALL_PROXY"});
  if (proxy.empty()) return {};
  std::string exceptions = value_of(environment, {"no_proxy", "NO_PROXY"});
  std::ranges::replace(exceptions, ',', ' ');
  std::istringstream words(exceptions);
  for (std::string word; words >> word;) {
    if (word.starts_with('.')) word.erase(0, 1);
    if (word == "*" || word == origin.host || origin.host.ends_with("." + word)) return {};
  }
  return client::public_url(proxy);
}

Finding check_name(const Origin& origin) {
  AddressList list;
  const int error = look_up(origin, list);
  if (error != 0) {
    return failed(fmt::format("{}: {}", origin.host, ::gai_strerror(error)),
                  "look at auth_url, /etc/resolv.conf and /etc/hosts");
  }
  std::string addresses;
  for (const addrinfo* each = list.first; each != nullptr; each = each->ai_next) {
    addresses += (addresses.empty() ? "" : ", ") + numeric(*each);
  }
  return ok(addresses == origin.host ? addresses + " is an address"
                                     : origin.host + " is " + addresses);
}

Finding check_connection(const Origin& origin, std::chrono::milliseconds limit) {
  AddressList list;
  if (const int error = look_up(origin, list); error != 0) return failed(::gai_strerror(error));
  std::string why;
  for (const addrinfo* each = list.first; each != nullptr; each = each->ai_next) {
    const int error = try_connect(*each, limit);
    if (error == 0) return ok(fmt::format("{} port {} answers", numeric(*each), origin.port));
    why += fmt::format("{}{} port {}: {}", why.empty() ? "" : "; ", numeric(*each), origin.port,
                       std::generic_category().message(error));
  }
  return failed(why, "is the port right, does the service run, is there a firewall in between?");
}

Finding check_clock(const std::string& date, std::chrono::system_clock::time_point now) {
  const auto theirs = client::parse_http_date(date);
  if (!theirs) return skipped("the server does not tell its time");
  const auto skew = std::chrono::duration_cast<seconds>(now - *theirs);
  const seconds size = skew.count() < 0 ? -skew : skew;
  if (size <= kTolerableSkew) return ok("our clock and the server's agree");
  return warning(fmt::format("our clock is {} {} the server's", duration(size),
                             skew.count() < 0 ? "behind" : "ahead of"),
                 "certificates and one-time codes depend on the time: look at timedatectl");
}

CloudChecks::CloudChecks(const client::Cloud& cloud, const client::TransportConfig& config)
    : cloud_(cloud),
      transport_(config),
      session_(cloud, transport_, clock_, client::RetryPolicy{.attempts = 2}),
      glance_(session_) {}

CloudChecks::~CloudChecks() { session_.log_out(); }

Finding CloudChecks::answer(const std::string& url) {
  client::Request request{.url = url, .headers = {}, .body = {}, .time_limit = seconds(30)};
  request.headers.add("Accept", "application/json");
  const bool tls = url.starts_with("https:");
  try {
    const client::Response response =
        transport_.perform(request, client::Operation::kOther, nullptr, nullptr, {});
    if (const std::string* date = response.headers.find("Date")) date_ = *date;
  } catch (const client::HttpError& error) {
    const bool trust = error.message().find("certificate") != std::string::npos;
    return failed(error.message(), trust ? "os-cacert=FILE (OS_CACERT) names the CA to trust" : "");
  }
  if (!tls) {
    const auto origin = origin_of(url);
    if (origin && is_loopback(origin->host)) return ok("no TLS, and none needed on this machine");
    return warning("no TLS: passwords and tokens travel in clear", "does the site have https?");
  }
  if (!cloud_.verify) {
    return warning("TLS, but the certificate is not checked",
                   "os-cacert=FILE instead of insecure keeps strangers out");
  }
  return ok("TLS, and the certificate is trusted");
}

Finding CloudChecks::login() {
  try {
    session_.log_in({});
    endpoint_found_ = ok(session_.endpoint());
  } catch (const client::LoginError& error) {
    // The login itself may have gone well.
    const bool logged_in = error.code().value() == ENODEV || !session_.endpoint().empty();
    if (!logged_in) return failed(error.text(), error.hint());
    endpoint_found_ = failed(error.text(), error.hint());
    return ok(client::describe_login(cloud_));
  }
  if (cloud_.auth_url.starts_with("https:") && session_.endpoint().starts_with("http:")) {
    endpoint_found_ = warning(session_.endpoint() + " has no TLS: the token travels in clear",
                              "os-image-endpoint-override=URL replaces the catalogue's entry");
  }
  const client::Identity who = session_.identity();
  std::string detail = client::describe_login(cloud_);
  if (!who.roles.empty()) detail += ", roles " + who.roles;
  if (const auto ends = session_.expires()) {
    detail +=
        ", the token lasts " + duration(std::chrono::duration_cast<seconds>(*ends - clock_.wall()));
  }
  return ok(detail);
}

Finding CloudChecks::endpoint() { return endpoint_found_; }

Finding CloudChecks::list() {
  std::size_t count = 0;
  std::stop_source enough;
  const auto look = [&](client::Image&& image) {
    if (++count >= kEnoughImages) enough.request_stop();
    if (image.status != client::Status::kActive || image.size.value_or(0) < 2) return;
    const auto [sample, first] = samples_.try_emplace(store_of(image), image);
    if (!first && *image.size < *sample->second.size) sample->second = std::move(image);
  };
  try {
    glance_.list({}, look, enough.get_token());
  } catch (const std::system_error& error) {
    if (!enough.stop_requested()) return failed(error.what());
  }
  if (count == 0) return warning("this project sees no image", "is it the right project?");
  return ok(fmt::format("{}{} images", enough.stop_requested() ? "at least " : "", count));
}

Finding CloudChecks::store(const std::string& name, const client::Image& image) {
  const std::string what = name.empty() ? "the store" : "store " + name;
  OneByte sink;
  try {
    const client::ByteRange middle{.offset = *image.size / 2, .length = 1};
    if (glance_.download(image, middle, sink, {}) == client::Delivery::kRangesRefused) {
      return warning(what + " gives whole images only",
                     "a read in the middle of an image waits until all before it has come");
    }
  } catch (const std::system_error& error) {
    return failed(fmt::format("{}: image {}: {}", what, image.id, error.what()));
  }
  return ok(what + " gives parts of images");
}

std::vector<Finding> CloudChecks::stores() {
  std::vector<Finding> findings;
  for (const auto& [name, image] : samples_) {
    if (findings.size() == kMostStores) break;
    findings.push_back(store(name, image));
  }
  if (findings.empty()) findings.push_back(skipped("no image has data to read"));
  return findings;
}

}  // namespace glancefs::fs
