// Reading directories, also while they change.
#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "tests/mount/conformance.h"

namespace glancefs::mount_test {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const Place& place) {
  Directory directory(::opendir(place.directory.c_str()), ::closedir);
  require(directory != nullptr, "opendir");
  return directory;
}

/// The next name; "": the end.
std::string next(const Directory& directory) {
  errno = 0;
  const dirent* entry = ::readdir(directory.get());
  require(entry != nullptr || errno == 0, "readdir");
  return entry == nullptr ? "" : entry->d_name;
}

std::multiset<std::string> rest_of(const Directory& directory) {
  std::multiset<std::string> names;
  for (std::string name = next(directory); !name.empty(); name = next(directory))
    names.insert(name);
  return names;
}

ino_t inode_of(const std::string& path) {
  struct stat status {};
  require(::stat(path.c_str(), &status) == 0, "stat");
  return status.st_ino;
}

int error_of_reading(const Place& p) {
  const Directory directory = open_directory(p);
  std::map<std::string, dirent> entries;
  while (const dirent* entry = ::readdir(directory.get())) {
    require(entries.emplace(entry->d_name, *entry).second, "each name once");
  }
  require(entries.size() == kOthers + 3, "all names");
  for (const char* name : {".", "..", "image"}) {
    const dirent& entry = entries.at(name);
    require(entry.d_ino == inode_of(p.directory + "/" + name), std::string("inode of ") + name);
    require(entry.d_type == (name[0] == '.' ? DT_DIR : DT_REG), std::string("type of ") + name);
  }
  return 0;
}

int error_of_telling(const Place& p) {
  const Directory directory = open_directory(p);
  for (int i = 0; i < 5; ++i) next(directory);
  const long here = ::telldir(directory.get());
  const auto first = rest_of(directory);
  ::seekdir(directory.get(), here);
  require(rest_of(directory) == first, "the same from there on");
  require(first.size() == kOthers + 3 - 5, "all the rest");
  ::rewinddir(directory.get());
  require(rest_of(directory).size() == kOthers + 3, "all from the start");
  return 0;
}

/// What is made while a directory is read may be in it or not, and is there after a rewind.
int error_of_making(const Place& p) {
  const Directory directory = open_directory(p);
  next(directory);
  const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
  if (file.error != 0) return file.error;
  auto names = rest_of(directory);
  names.erase("fresh");
  require(names.size() == kOthers + 2, "the others once each");
  ::rewinddir(directory.get());
  require(rest_of(directory).contains("fresh"), "the new one after a rewind");
  return 0;
}

int error_of_removing(const Place& p) {
  const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
  if (file.error != 0) return file.error;
  const Directory directory = open_directory(p);
  next(directory);
  require(::unlink(p.fresh().c_str()) == 0, "unlink");
  auto names = rest_of(directory);
  names.erase("fresh");
  require(names.size() == kOthers + 2, "the others once each");
  ::rewinddir(directory.get());
  require(!rest_of(directory).contains("fresh"), "it is gone after a rewind");
  return 0;
}

int error_of_renaming(const Place& p) {
  const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
  if (file.error != 0) return file.error;
  const Directory directory = open_directory(p);
  next(directory);
  require(::rename(p.fresh().c_str(), (p.fresh() + "2").c_str()) == 0, "rename");
  auto names = rest_of(directory);
  names.erase("fresh");
  names.erase("fresh2");
  require(names.size() == kOthers + 2, "the others once each");
  return error_of(::unlink((p.fresh() + "2").c_str()));
}

int error_of_watching(const Place& p) {
  const Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  require(::inotify_add_watch(watch.get(), p.directory.c_str(), IN_CREATE | IN_DELETE) >= 0,
          "watch");
  const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
  if (file.error != 0) return file.error;
  require(::unlink(p.fresh().c_str()) == 0, "unlink");
  alignas(inotify_event) std::array<char, 4096> buffer{};
  const ssize_t size = ::read(watch.get(), buffer.data(), buffer.size());
  require(size > 0, "events");
  const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data());
  require(event.mask == IN_CREATE && std::strcmp(event.name, "fresh") == 0, "the creation first");
  return 0;
}

}  // namespace

std::vector<Row> directory_rows() {
  return {
      {"reading a directory", error_of_reading, 0, 0},
      {"telldir and seekdir", error_of_telling, 0, 0},
      {"making a file while reading", error_of_making, 0, EACCES},
      {"removing a file while reading", error_of_removing, 0, EACCES},
      {"renaming a file while reading", error_of_renaming, 0, EACCES},
      {"opendir of a file",
       [](const Place& p) {
         const Directory directory(::opendir(p.image().c_str()), ::closedir);
         return directory == nullptr ? errno : 0;
       },
       ENOTDIR, ENOTDIR},
      {"a directory's links",
       [](const Place& p) {
         struct stat status {};
         const int error = error_of(::stat(p.directory.c_str(), &status));
         require(status.st_nlink == 2 && S_ISDIR(status.st_mode), "itself and its own dot");
         return error;
       },
       0, 0},
      {"fsync of a directory",
       [](const Place& p) {
         const OpenedFile directory(p.directory, O_RDONLY | O_DIRECTORY);
         return error_of(::fsync(directory.get()));
       },
       0, 0},
      {"inotify", error_of_watching, 0, EACCES},
  };
}

}  // namespace glancefs::mount_test
