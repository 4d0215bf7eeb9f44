// bench_proxy: a TCP proxy on loopback that makes a near server a far one. What it forwards takes
// half the round trip each way, and every connection has a speed of its own.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "tests/bench/delay_line.h"

namespace glancefs::bench {
namespace {

constexpr const char* kUsage =
    "usage: bench_proxy --to PORT [--port N] [--rtt-ms MS] [--rate BYTES]\n"
    "Forwards 127.0.0.1:N (any free port) to 127.0.0.1:PORT. Prints \"ready N\"; ends on SIGTERM.\n"
    "  --rtt-ms MS    round trip time; a connection takes one, too (0)\n"
    "  --rate BYTES   bytes per second of each connection, each way (no limit)\n";

/// Small enough to leave the line in pieces finer than its flight.
constexpr std::size_t kChunk = 32UL << 10U;

struct Options {
  std::uint16_t to = 0;
  std::uint16_t port = 0;
  Line line;
};

/// One end of a connection: the socket, and the line that leads to it.
struct End {
  Fd fd;
  DelayLine incoming;         ///< from the other end
  std::uint32_t watched = 0;  ///< what epoll was asked for
  bool blocked = false;       ///< the socket takes no more for now
};

/// The client's end and the server's, forwarded into each other.
struct Connection {
  std::array<End, 2> ends;
  bool broken = false;

  bool over() const {
    return broken || (ends[0].incoming.ended() && ends[0].incoming.empty() &&
                      ends[1].incoming.ended() && ends[1].incoming.empty());
  }
};

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_at_once(const Fd& fd) {
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// One thread, one epoll set: every wake serves what is readable and what has become due.
class Proxy {
 public:
  explicit Proxy(const Options& options) : options_(options) {
    epoll_ = checked_fd(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    timer_ = checked_fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd");
    listen();
    catch_signals();
    for (const Fd* fd : {&timer_, &listener_, &signals_}) add(*fd, EPOLLIN);
  }

  std::uint16_t port() const noexcept { return options_.port; }

  /// Forwards until SIGTERM or SIGINT.
  void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events.at(static_cast<std::size_t>(i));
        if (event.data.fd == signals_.get()) return;
        if (event.data.fd == listener_.get()) accept();
        if (const auto found = by_fd_.find(event.data.fd); found != by_fd_.end())
          wake(*found->second, event);
      }
      deliver();
    }
  }

 private:
  void listen() {
    listener_ =
        checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(options_.port);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 1024) != 0 ||
        ::getsockname(listener_.get(), generic, &size) != 0)
      throw_errno(errno, fmt::format("listen on 127.0.0.1:{}", options_.port));
    options_.port = ntohs(address.sin_port);
  }

  void catch_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = checked_fd(::signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
  }

  void add(const Fd& fd, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
      throw_errno(errno, "epoll_ctl");
  }

  /// Asks epoll for what this end can use now, if that has changed.
  void watch(End& end, const End& other) {
    std::uint32_t wanted = 0;
    if (!other.incoming.ended() && !other.incoming.full()) wanted |= EPOLLIN;
    if (end.blocked) wanted |= EPOLLOUT;
    if (wanted == end.watched) return;
    epoll_event event{};
    event.events = wanted;
    event.data.fd = end.fd.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, end.fd.get(), &event);
    end.watched = wanted;
  }

  void accept() {
    Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    Fd server = checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const sockaddr_in address = loopback(options_.to);
    // On loopback this takes no time; a server that is not there is a client turned away.
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return;
    send_at_once(client);
    send_at_once(server);
    // The kernel has answered the client's SYN already: its first bytes make up for that trip.
    const auto now = Clock::now();
    Connection& connection = connections_.emplace_back(Connection{
        {End{std::move(client), DelayLine(options_.line, now)},
         End{std::move(server), DelayLine(options_.line, now + 2 * options_.line.flight)}},
        false});
    for (End& end : connection.ends) {
      add(end.fd, EPOLLIN);
      end.watched = EPOLLIN;
      by_fd_[end.fd.get()] = &connection;
    }
  }

  static void wake(Connection& connection, const epoll_event& event) {
    const bool first = connection.ends[0].fd.get() == event.data.fd;
    End& from = connection.ends.at(first ? 0 : 1);
    End& to = connection.ends.at(first ? 1 : 0);
    if ((event.events & EPOLLOUT) != 0) from.blocked = false;
    if ((event.events & EPOLLIN) != 0) take(connection, from, to);
    // Both halves are down, or it was reset: nobody is there who could take what is on its way.
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) connection.broken = true;
  }

  /// Takes what `from` has sent onto the line to `to`.
  static void take(Connection& connection, const End& from, End& to) {
    std::string bytes(kChunk, '\0');
    while (!to.incoming.full()) {
      const ssize_t count = ::recv(from.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) connection.broken = true;
        return;
      }
      if (count == 0) return to.incoming.end(Clock::now());
      to.incoming.push(bytes.substr(0, static_cast<std::size_t>(count)), Clock::now());
    }
  }

  /// Hands over what has arrived, and sets the timer to what arrives next.
  void deliver() {
    const auto now = Clock::now();
    auto next = Clock::time_point::max();
    for (auto it = connections_.begin(); it != connections_.end();) {
      for (End& end : it->ends) {
        while (!it->broken && !end.blocked && !end.incoming.empty() && end.incoming.due() <= now)
          hand_over(*it, end);
        if (!end.blocked && !end.incoming.empty()) next = std::min(next, end.incoming.due());
      }
      if (it->over()) {
        for (const End& end : it->ends) by_fd_.erase(end.fd.get());
        it = connections_.erase(it);
        continue;
      }
      watch(it->ends[0], it->ends[1]);
      watch(it->ends[1], it->ends[0]);
      ++it;
    }
    set_timer(next);
  }

  static void hand_over(Connection& connection, End& end) {
    const std::string& bytes = end.incoming.front();
    if (bytes.empty()) {
      ::shutdown(end.fd.get(), SHUT_WR);
      return end.incoming.pop(0);
    }
    const ssize_t count =
        ::send(end.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) return end.incoming.pop(static_cast<std::size_t>(count));
    if (errno == EAGAIN)
      end.blocked = true;
    else if (errno != EINTR)
      connection.broken = true;
  }

  /// Setting it anew also takes back that it has fired.
  void set_timer(Clock::time_point due) {
    itimerspec at{};  // all zeros: off
    if (due != Clock::time_point::max()) {
      const std::chrono::nanoseconds since = due.time_since_epoch();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
      at.it_value.tv_sec = seconds.count();
      at.it_value.tv_nsec = (since - seconds).count();
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
  }

  Options options_;
  Fd epoll_;
  Fd listener_;
  Fd signals_;
  Fd timer_;
  std::list<Connection> connections_;
  std::map<int, Connection*> by_fd_;
};

double number(const std::string& option, std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0 || value > 1e12)
    throw std::runtime_error(fmt::format("{} needs a number, not {}", option, word));
  return value;
}

Options parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string& option = words[i];
    if (i + 1 == words.size()) throw std::runtime_error(option + " needs a value");
    const double value = number(option, words[i + 1]);
    if (option == "--to")
      options.to = static_cast<std::uint16_t>(value);
    else if (option == "--port")
      options.port = static_cast<std::uint16_t>(value);
    else if (option == "--rtt-ms")
      options.line.flight = std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double, std::milli>(value / 2));
    else if (option == "--rate")
      options.line.bytes_per_s = value;
    else
      throw std::runtime_error("unknown option " + option);
  }
  if (options.to == 0) throw std::runtime_error("--to is missing");
  return options;
}

}  // namespace
}  // namespace glancefs::bench

int main(int argc, char** argv) {
  try {
    glancefs::bench::Proxy proxy(
        glancefs::bench::parse(std::vector<std::string>(argv + 1, argv + argc)));
    fmt::print("ready {}\n", proxy.port());
    std::fflush(stdout);
    proxy.run();
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_proxy: {}\n{}", e.what(), glancefs::bench::kUsage);
    return 1;
  }
}
