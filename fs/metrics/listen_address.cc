#include "fs/metrics/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace glancefs::fs {
namespace {

constexpr std::string_view kUnix = "unix:";

[[noreturn]] void unexpected() {
  throw std::invalid_argument("expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH");
}

bool is_loopback(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24U == 127;
  in6_addr six{};
  if (::inet_pton(AF_INET6, host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six) != 0;
  unexpected();
}

}  // namespace

std::string ListenAddress::text() const {
  if (host.empty()) return std::string(kUnix) + path;
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

ListenAddress parse_listen_address(const std::string& word) {
  ListenAddress address;
  if (word.starts_with(kUnix)) {
    address.path = word.substr(kUnix.size());
    if (address.path.empty()) unexpected();
    if (address.path.size() >= sizeof(sockaddr_un{}.sun_path)) {
      throw std::invalid_argument("the path of a socket has at most 107 bytes");
    }
    return address;
  }
  const std::size_t colon = word.rfind(':');
  if (colon == std::string::npos) unexpected();
  address.host = word.substr(0, colon);
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data() + colon + 1, end, address.port);
  if (error != std::errc{} || rest != end) unexpected();
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find(':') != std::string::npos) {
    unexpected();
  }
  if (!is_loopback(address.host)) {
    throw std::invalid_argument(
        "others could read the metrics there, and they are not encrypted: expected a loopback "
        "address or unix:PATH");
  }
  return address;
}

}  // namespace glancefs::fs
