// Runs the table: conformance {ordinary|mounted} DIRECTORY SCRATCH UID. A program of its own, since
// whoever runs it changes what he may do, and has children. Prints the rows that went otherwise.
#include "tests/mount/conformance.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace glancefs::mount_test {

OpenedFile::OpenedFile(const std::string& path, int flags, unsigned mode)
    : fd(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
  if (!fd) error = errno;
}

namespace {

bool runs_as_told(const Row& row, const Place& place, bool root) {
  const int in_mount = root ? row.mounted_by_root : row.mounted_by_user;
  const int everywhere = root ? row.by_root : row.by_user;
  const int expected = place.mounted && in_mount >= 0 ? in_mount : everywhere;
  int error = 0;
  std::string wrong;
  try {
    error = row.act(place);
  } catch (const std::exception& reason) {
    wrong = reason.what();
  }
  ::unlink(place.fresh().c_str());
  if (wrong.empty() && error == expected) return true;
  std::printf("%s: %s, not %s%s%s\n", row.name.c_str(), ::strerrorname_np(error),
              ::strerrorname_np(expected), wrong.empty() ? "" : "; ", wrong.c_str());
  return false;
}

int run_rows(const Place& place, uid_t uid) {
  if (uid != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0)) {
    std::perror("setuid");
    return 2;
  }
  int count = 0, failed = 0;
  for (const auto& rows : {path_rows(), file_rows(), directory_rows()}) {
    for (const Row& row : rows) {
      ++count;
      if (!runs_as_told(row, place, uid == 0)) ++failed;
    }
  }
  std::printf("%d of %d rows failed\n", failed, count);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace glancefs::mount_test

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  ::setvbuf(stdout, nullptr, _IONBF, 0);  // its children print nothing twice
  return glancefs::mount_test::run_rows(
      {.directory = argv[2], .scratch = argv[3], .mounted = std::string_view(argv[1]) == "mounted"},
      static_cast<uid_t>(std::strtoul(argv[4], nullptr, 10)));
}
