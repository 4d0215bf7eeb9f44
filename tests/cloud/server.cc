#include "tests/cloud/server.h"

#include <httplib.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <thread>

namespace glancefs::cloud {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

httplib::Client connect(const std::string& host, int port) {
  httplib::Client client(host, port);
  client.set_url_encode(false);
  client.set_follow_location(false);
  client.set_read_timeout(kPatience);
  client.set_write_timeout(kPatience);
  return client;
}

httplib::Headers to_httplib(const Headers& headers) { return {headers.begin(), headers.end()}; }

Reply to_reply(const httplib::Result& result) {
  if (!result) return {};
  Reply reply{.status = result->status, .headers = {}, .body = result->body};
  reply.headers.assign(result->headers.begin(), result->headers.end());
  return reply;
}

}  // namespace

std::string Reply::header(std::string_view name) const {
  const auto found = std::ranges::find_if(
      headers, [&](const auto& header) { return same_name(header.first, name); });
  return found == headers.end() ? "" : found->second;
}

bool Reply::has(std::string_view name) const {
  return std::ranges::any_of(headers,
                             [&](const auto& header) { return same_name(header.first, name); });
}

Json Reply::json() const { return Json::parse(body, nullptr, false); }

void PrintTo(const Reply& reply, std::ostream* out) {
  *out << "HTTP " << reply.status << " with body \"" << reply.body.substr(0, 400) << '"';
}

Server::Server(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) throw std::runtime_error("not an http URL: " + url);
  const auto authority = url.substr(kScheme.size(), url.find('/', kScheme.size()) - kScheme.size());
  const auto colon = authority.rfind(':');
  host_ = authority.substr(0, colon);
  port_ = colon == std::string::npos ? 80 : std::stoi(authority.substr(colon + 1));
  prefix_ = url.substr(kScheme.size() + authority.size());
  while (prefix_.ends_with('/')) prefix_.pop_back();
}

Reply Server::send(const std::string& method, const std::string& path, const Headers& headers,
                   const std::string& body) const {
  auto client = connect(host_, port_);
  httplib::Request request;
  request.method = method;
  request.path = prefix_ + path;
  request.headers = to_httplib(headers);
  request.body = body;
  Reply reply = to_reply(client.send(request));
  // uWSGI refuses without reading the body, and its reset may overtake the refusal.
  for (int again = 0; reply.status == 0 && !body.empty() && again < 8; ++again) {
    reply = to_reply(client.send(request));
  }
  return reply;
}

Reply Server::put_chunked(const std::string& path, const Headers& headers,
                          const std::vector<std::string>& pieces) const {
  auto client = connect(host_, port_);
  std::size_t next = 0;
  const auto provide = [&](std::size_t, httplib::DataSink& sink) {
    if (next == pieces.size()) {
      sink.done();
      return true;
    }
    const auto& piece = pieces[next++];
    return sink.write(piece.data(), piece.size());
  };
  return to_reply(
      client.Put(prefix_ + path, to_httplib(headers), provide, "application/octet-stream"));
}

struct FileServer::State {
  httplib::Server server;
  int port = 0;
  std::mutex mutex;
  std::map<std::string, std::string> files;
  std::thread thread;
};

FileServer::FileServer() : state_(std::make_unique<State>()) {
  auto& state = *state_;
  state.server.Get("/(.*)", [&state](const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(state.mutex);
    const auto found = state.files.find(request.matches[1]);
    if (found == state.files.end()) {
      response.status = 404;
    } else {
      response.set_content(found->second, "application/octet-stream");
    }
  });
  state.server.set_keep_alive_max_count(1);  // or the end would wait for idle connections
  state.port = state.server.bind_to_any_port("127.0.0.1");
  state.thread = std::thread([&state] { state.server.listen_after_bind(); });
}

FileServer::~FileServer() {
  // stop() does nothing to a server that is not running yet.
  while (!state_->server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  state_->server.stop();
  state_->thread.join();
}

std::string FileServer::add(const std::string& name, std::string bytes) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->files[name] = std::move(bytes);
  }
  return url(name);
}

std::string FileServer::url(const std::string& name) const {
  return "http://127.0.0.1:" + std::to_string(state_->port) + "/" + name;
}

}  // namespace glancefs::cloud
