#include "fs/mount/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/fd.h"
#include "fs/mount/start_error.h"

namespace glancefs::fs {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
constexpr std::string_view kBlanks = " \t\r";
constexpr const char* kName = "/glancefs.conf";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// `text` up to a comment.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool apart = i == 0 || kBlanks.find(text[i - 1]) != std::string_view::npos;
    if (text[i] == '#' && apart) return text.substr(0, i);
  }
  return text;
}

[[noreturn]] void refuse(const std::string& place, const std::string& why, std::string hint = {}) {
  throw StartError(ExitCode::kUsage, place + ": " + why, std::move(hint));
}

/// What stands between quotes; `text` begins with one. `place` is for messages.
std::string quoted_value(std::string_view text, const std::string& place) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (!trimmed(without_comment(text.substr(i + 1))).empty()) {
        refuse(place, "something follows the closing quote");
      }
      return value;
    }
    const bool escapes =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    value += text[escapes ? ++i : i];
  }
  refuse(place, "a quote is not closed");
}

OptionWord parse_word(std::string_view line, const std::string& place) {
  const auto equals = line.find('=');
  const std::string name(
      trimmed(equals == std::string_view::npos ? without_comment(line) : line.substr(0, equals)));
  if (name.empty() || name.find_first_of(" \t\"#") != std::string::npos) {
    refuse(place, "expected OPTION = VALUE");
  }
  if (equals == std::string_view::npos) return {name, std::nullopt};
  const std::string_view value = trimmed(line.substr(equals + 1));
  if (value.starts_with('"')) return {name, quoted_value(value, place)};
  return {name, std::string(trimmed(without_comment(value)))};
}

std::string parse_section(std::string_view line, const std::string& place) {
  const std::string_view head = trimmed(without_comment(line));
  std::string name(head.ends_with(']') ? trimmed(head.substr(1, head.size() - 2))
                                       : std::string_view());
  if (name.empty()) refuse(place, "expected [CLOUD]");
  return name;
}

std::string read_text(const Fd& file, const std::string& path) {
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, std::generic_category().message(errno));
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxFile) refuse(path, "longer than 1 MiB");
  }
}

bool is_absent(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/// The files *.conf of a directory, by name; hidden ones are an editor's.
std::vector<std::string> drop_ins(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".conf") && !name.starts_with('.')) paths.push_back(entry->path().string());
  }
  const bool absent =
      error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  if (error && !absent) refuse(directory, error.message());
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::vector<ConfigLine> parse_config_file(std::string_view text, const std::string& path) {
  std::vector<ConfigLine> lines;
  std::string section;
  unsigned number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string place = fmt::format("{}:{}", path, ++number);
    if (line.empty() || line.front() == '#') continue;
    if (line.find('\0') != std::string_view::npos) refuse(path, "not a text file");
    if (line.front() == '[') {
      section = parse_section(line, place);
    } else {
      lines.push_back({.word = parse_word(line, place), .section = section, .number = number});
    }
  }
  return lines;
}

ConfigFile read_config_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) refuse(path, std::generic_category().message(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refuse(path, std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "not a file");
  if ((status.st_mode & S_IWOTH) != 0) {
    refuse(path, "everybody can write it, so it is not read", "chmod o-w " + path);
  }
  return {.path = path,
          .world_readable = (status.st_mode & S_IROTH) != 0,
          .lines = parse_config_file(read_text(file, path), path)};
}

ConfigPlaces config_places(const Person& person, const Environment& environment) {
  std::string config = own_directory(environment, "XDG_CONFIG_HOME", person.uid);
  if (config.empty()) config = person.home + "/.config";
  return {.system = "/etc/glancefs", .person = config + "/glancefs"};
}

std::vector<ConfigFile> read_config_files(const ConfigPlaces& places) {
  std::vector<std::string> paths;
  if (!places.system.empty()) {
    paths = drop_ins(places.system + "/conf.d");
    paths.insert(paths.begin(), places.system + kName);
  }
  if (!places.person.empty()) paths.push_back(places.person + kName);
  std::erase_if(paths, is_absent);
  std::vector<ConfigFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) files.push_back(read_config_file(path));
  return files;
}

}  // namespace glancefs::fs
