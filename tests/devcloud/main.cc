// glancefs-devcloud: a Keystone and a Glance on loopback to try glancefs against.
#include <fmt/format.h>
#include <pthread.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/devcloud/demo.h"
#include "tests/devcloud/devcloud.h"
#include "tests/devcloud/openrc.h"

namespace glancefs::devcloud {
namespace {

constexpr const char* kUsage =
    "usage: glancefs-devcloud [options]\n"
    "A Keystone v3 and a Glance v2 on 127.0.0.1, all in memory. Users admin, demo and other,\n"
    "password \"secret\". Prints \"ready KEYSTONE_URL GLANCE_URL\"; ends on SIGTERM and SIGINT.\n"
    "  --keystone-port N   default: any free port\n"
    "  --glance-port N     default: any free port\n"
    "  --openrc-dir DIR    write admin-openrc, demo-openrc, other-openrc and clouds.yaml there\n"
    "  --demo              begin with a dozen images\n"
    "  --images N          begin with N small public images\n"
    "  --token-ttl S       tokens live S seconds (3600)\n"
    "  --limits            Keystone limits: 1000 MiB and 100 images for every project\n"
    "  --size-limit MIB    the same with another size\n"
    "  --count-limit N     the same with another number of images\n"
    "  --storage-quota N   Glance's own quota of a project in bytes, where there are no limits\n"
    "  --tls CERT KEY      serve HTTPS with these PEM files\n"
    "  --inspect           look into images and refuse what Glance 30 and later refuse\n"
    "  --no-range          the default store refuses ranges, as HTTP-backed ones do\n"
    "  --help\n";

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Keystone's limits, switched on by asking for them.
KeystoneLimits& limits(Config& config) {
  if (!config.limits) config.limits.emplace();
  return *config.limits;
}

struct Options {
  Config config;
  std::string openrc_dir;
  bool demo = false;
  bool help = false;
  std::size_t images = 0;
};

class Arguments {
 public:
  explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {}

  bool more() const { return at_ < words_.size(); }
  std::string next(const std::string& after) {
    if (!more()) throw UsageError(after + " needs a value");
    return words_.at(at_++);
  }
  std::size_t number(const std::string& option, std::size_t most) {
    const std::string word = next(option);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value > most)
      throw UsageError(fmt::format("{} needs a number up to {}, not {}", option, most, word));
    return value;
  }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

Options parse(Arguments arguments) {
  Options options;
  using Setter = void (*)(Options&, Arguments&);
  static const std::map<std::string, Setter> kSetters{
      {"--keystone-port",
       [](Options& o, Arguments& a) {
         o.config.keystone_port = static_cast<std::uint16_t>(a.number("--keystone-port", 65535));
       }},
      {"--glance-port",
       [](Options& o, Arguments& a) {
         o.config.glance_port = static_cast<std::uint16_t>(a.number("--glance-port", 65535));
       }},
      {"--openrc-dir", [](Options& o, Arguments& a) { o.openrc_dir = a.next("--openrc-dir"); }},
      {"--demo", [](Options& o, Arguments&) { o.demo = true; }},
      {"--images", [](Options& o, Arguments& a) { o.images = a.number("--images", 10'000'000); }},
      {"--token-ttl",
       [](Options& o, Arguments& a) {
         o.config.token_lifetime = std::chrono::seconds(a.number("--token-ttl", 1'000'000'000));
       }},
      {"--limits", [](Options& o, Arguments&) { limits(o.config); }},
      {"--size-limit",
       [](Options& o, Arguments& a) {
         limits(o.config).image_size_total =
             static_cast<std::int64_t>(a.number("--size-limit", 1'000'000'000));
       }},
      {"--count-limit",
       [](Options& o, Arguments& a) {
         limits(o.config).image_count_total =
             static_cast<std::int64_t>(a.number("--count-limit", 1'000'000'000));
       }},
      {"--storage-quota",
       [](Options& o, Arguments& a) {
         o.config.user_storage_quota = a.number("--storage-quota", 1'000'000'000'000);
       }},
      {"--tls",
       [](Options& o, Arguments& a) {
         o.config.tls_certificate = a.next("--tls");
         o.config.tls_key = a.next("--tls");
       }},
      {"--inspect", [](Options& o, Arguments&) { o.config.inspects = true; }},
      {"--no-range",
       [](Options& o, Arguments&) { o.config.stores.front().ranges = RangeSupport::kRefused; }},
      {"--help", [](Options& o, Arguments&) { o.help = true; }},
  };
  while (arguments.more()) {
    const std::string word = arguments.next("");
    const auto found = kSetters.find(word);
    if (found == kSetters.end()) throw UsageError("unknown option " + word);
    found->second(options, arguments);
  }
  return options;
}

int run(const Options& options) {
  // Before any thread starts, so that only sigwait() gets them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  DevCloud cloud(options.config);
  if (options.demo) add_demo_images(cloud);
  add_many_images(cloud, options.images);
  if (!options.openrc_dir.empty()) write_credentials(cloud, options.openrc_dir);
  fmt::print("ready {} {}\n", cloud.auth_url(), cloud.glance_url());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  return 0;
}

}  // namespace
}  // namespace glancefs::devcloud

int main(int argc, char** argv) {
  using glancefs::devcloud::UsageError;
  try {
    const auto options = glancefs::devcloud::parse(
        glancefs::devcloud::Arguments(std::vector<std::string>(argv + 1, argv + argc)));
    if (options.help) {
      fmt::print("{}", glancefs::devcloud::kUsage);
      return 0;
    }
    return glancefs::devcloud::run(options);
  } catch (const UsageError& e) {
    fmt::print(stderr, "glancefs-devcloud: {}\n{}", e.what(), glancefs::devcloud::kUsage);
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "glancefs-devcloud: {}\n", e.what());
    return 1;
  }
}
