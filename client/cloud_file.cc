#include "client/cloud_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/log.h"

namespace glancefs::client {
namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 100'000;  // aliases of aliases grow without bound
constexpr std::size_t kMaxFile = std::size_t{4} * 1024 * 1024;

class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  ConfigTree tree(const YAML::Node& node, int depth = 0) {
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) {
      throw CloudError(source_ + ": nested or repeated without end");
    }
    ConfigTree result;
    if (node.IsScalar()) {
      result.text = node.Scalar();
    } else if (node.IsSequence()) {
      for (const YAML::Node& item : node) result.list.push_back(tree(item, depth + 1));
    } else if (node.IsMap()) {
      result = map(node, depth);
    }
    return result;
  }

 private:
  // What a map says itself wins over what it merges in, and an earlier source over a later one.
  ConfigTree map(const YAML::Node& node, int depth) {
    ConfigTree merged;
    ConfigTree own;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) continue;
      const std::string& key = entry.first.Scalar();
      ConfigTree value = tree(entry.second, depth + 1);
      if (key != "<<") {
        own.map[key] = std::move(value);
        continue;
      }
      std::ranges::reverse(value.list);
      for (ConfigTree& source : value.list) {
        for (auto& [name, inherited] : source.map) merged.map[name] = std::move(inherited);
      }
      for (auto& [name, inherited] : value.map) merged.map[name] = std::move(inherited);
    }
    for (auto& [name, value] : own.map) merged.map[name] = std::move(value);
    return merged;
  }

  const std::string& source_;
  int nodes_ = 0;
};

std::string read_whole(const Fd& file, const std::string& path) {
  std::string text;
  std::array<char, 65536> piece{};
  while (true) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(errno, path);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxFile) throw CloudError(path + ": longer than 4 MiB");
  }
}

std::vector<std::string> directories(const CloudSources& sources) {
  std::vector<std::string> found;
  if (sources.current_directory) found.emplace_back(".");
  const std::string home = sources.home.empty() ? "" : sources.home + "/.config/openstack";
  const auto config = sources.environment.find("XDG_CONFIG_HOME");
  if (config != sources.environment.end() && !config->second.empty()) {
    found.push_back(config->second + "/openstack");
  }
  if (!home.empty() && (found.empty() || found.back() != home)) found.push_back(home);
  found.insert(found.end(), sources.system_directories.begin(), sources.system_directories.end());
  return found;
}

std::string variable(const CloudSources& sources, const std::string& name) {
  for (const auto* from : {&sources.overrides, &sources.environment}) {
    const auto found = from->find(name);
    if (found != from->end() && !found->second.empty()) return found->second;
  }
  return {};
}

std::vector<std::string> candidates(const CloudSources& sources, const std::string& stem,
                                    const std::string& file_variable) {
  std::vector<std::string> paths;
  if (std::string named = variable(sources, file_variable); !named.empty()) {
    paths.push_back(std::move(named));
  }
  for (const std::string& directory : directories(sources)) {
    for (const char* extension : {".yaml", ".yml", ".json"}) {
      paths.push_back(fmt::format("{}/{}{}", directory, stem, extension));
    }
  }
  return paths;
}

struct File {
  std::string path;
  std::string text;
  bool world_readable = false;
};

// The first that can be read. Why the others cannot goes to `searched`.
std::optional<File> first_readable(const std::vector<std::string>& paths,
                                   std::vector<std::string>* searched) {
  for (const std::string& path : paths) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    const int error = errno;
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode)) {
      return File{path, read_whole(file, path), (status.st_mode & S_IROTH) != 0};
    }
    if (searched == nullptr) continue;
    const bool absent = !file && (error == ENOENT || error == ENOTDIR);
    const std::string why = file ? "not a file" : std::generic_category().message(error);
    searched->push_back(path + ": " + (absent ? "not found" : why));
  }
  return std::nullopt;
}

const ConfigTree& section(const ConfigTree& file, const std::string& key) {
  static const ConfigTree empty;
  const ConfigTree* found = file.find(key);
  return found == nullptr ? empty : *found;
}

}  // namespace

const ConfigTree* ConfigTree::find(const std::string& key) const {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

void merge(ConfigTree& base, const ConfigTree& over) {
  if (base.map.empty() || over.map.empty()) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.map) merge(base.map[key], value);
}

ConfigTree with_plain_keys(const ConfigTree& tree) {
  ConfigTree plain;
  plain.text = tree.text;
  for (const ConfigTree& item : tree.list) plain.list.push_back(with_plain_keys(item));
  for (const auto& [key, value] : tree.map) {
    std::string name = key;
    for (char& c : name) {
      if (c == '-') c = '_';
    }
    plain.map[name] = with_plain_keys(value);
  }
  return plain;
}

ConfigTree parse_config(const std::string& text, const std::string& source) {
  try {
    return Reader(source).tree(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    throw CloudError(fmt::format("{}: line {}, column {}: {}", source, error.mark.line + 1,
                                 error.mark.column + 1, error.msg));
  }
}

CloudFiles read_cloud_files(const CloudSources& sources) {
  CloudFiles files;
  if (const auto file =
          first_readable(candidates(sources, "clouds", "OS_CLIENT_CONFIG_FILE"), &files.searched)) {
    files.path = file->path;
    files.clouds = section(parse_config(file->text, file->path), "clouds");
  }
  if (const auto file =
          first_readable(candidates(sources, "secure", "OS_CLIENT_SECURE_FILE"), nullptr)) {
    if (file->world_readable) {
      log::warning("{} can be read by everybody; chmod 600 it", file->path);
    }
    const ConfigTree tree = parse_config(file->text, file->path);
    files.secrets = section(tree, "clouds");
    files.secrets_path = file->path;
    if (!files.secrets.map.empty()) merge(files.clouds, files.secrets);
    if (files.path.empty()) files.path = file->path;
  }
  if (const auto file =
          first_readable(candidates(sources, "clouds-public", "OS_CLIENT_VENDOR_FILE"), nullptr)) {
    files.profiles_path = file->path;
    files.profiles = section(parse_config(file->text, file->path), "public-clouds");
  }
  return files;
}

}  // namespace glancefs::client
