// Names, and calls by name.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstring>

#include "tests/mount/conformance.h"

namespace glancefs::mount_test {
namespace {

constexpr const char* kOneName = "Glance has no links";
constexpr const char* kDirectories = "the directories are Glance's visibilities";
constexpr const char* kImmutable = "the bytes of an image never change";

int stat_error(const std::string& path) {
  struct stat status {};
  return error_of(::stat(path.c_str(), &status));
}

int open_error(const std::string& path, int flags) { return OpenedFile(path, flags).error; }

std::vector<Row> name_rows() {
  return {
      {"stat of nothing", [](const Place&) { return stat_error(""); }, ENOENT, ENOENT},
      {"stat of a missing name", [](const Place& p) { return stat_error(p.fresh()); }, ENOENT,
       ENOENT},
      {"stat below a missing name", [](const Place& p) { return stat_error(p.fresh() + "/x"); },
       ENOENT, ENOENT},
      {"stat below a file", [](const Place& p) { return stat_error(p.image() + "/x"); }, ENOTDIR,
       ENOTDIR},
      {"stat of a file with a slash", [](const Place& p) { return stat_error(p.image() + "/"); },
       ENOTDIR, ENOTDIR},
      {"stat of a file's dot", [](const Place& p) { return stat_error(p.image() + "/."); }, ENOTDIR,
       ENOTDIR},
      {"stat of a directory with a slash",
       [](const Place& p) { return stat_error(p.directory + "/"); }, 0, 0},
      {"stat of a directory's dots",
       [](const Place& p) { return stat_error(p.directory + "/./.."); }, 0, 0},
      {"stat by slashes", [](const Place& p) { return stat_error(p.directory + "///image"); }, 0,
       0},
      {"a missing name of 255 bytes",
       [](const Place& p) { return stat_error(p.directory + "/" + std::string(255, 'n')); }, ENOENT,
       ENOENT},
      {"a name of 256 bytes",
       [](const Place& p) { return stat_error(p.directory + "/" + std::string(256, 'n')); },
       ENAMETOOLONG, ENAMETOOLONG},
      {"a path that is too long",
       [](const Place& p) {
         std::string path = p.directory;
         while (path.size() < PATH_MAX) path += "/.";
         return stat_error(path);
       },
       ENAMETOOLONG, ENAMETOOLONG},
      {"making a file of 255 bytes",
       [](const Place& p) {
         const std::string path = p.directory + "/" + std::string(255, 'n');
         const OpenedFile file(path, O_RDWR | O_CREAT | O_EXCL);
         if (file.error == 0) require(::unlink(path.c_str()) == 0, "it is removed");
         return file.error;
       },
       0, EACCES},
      {"making a file of 256 bytes",
       [](const Place& p) {
         return open_error(p.directory + "/" + std::string(256, 'n'), O_RDWR | O_CREAT);
       },
       ENAMETOOLONG, ENAMETOOLONG},
      {"making a file with a slash",
       [](const Place& p) { return open_error(p.fresh() + "/", O_RDWR | O_CREAT); }, EISDIR,
       EISDIR},
      {"readlink of a file",
       [](const Place& p) {
         char target[8];
         return error_of(::readlink(p.image().c_str(), target, sizeof target));
       },
       EINVAL, EINVAL},
      {"chdir to a file", [](const Place& p) { return error_of(::chdir(p.image().c_str())); },
       ENOTDIR, ENOTDIR},
      {"running a file",
       [](const Place& p) {
         return error_of(::execl(p.image().c_str(), "image", static_cast<char*>(nullptr)));
       },
       EACCES, EACCES},
  };
}

std::vector<Row> open_rows() {
  return {
      {"open", [](const Place& p) { return open_error(p.image(), O_RDONLY); }, 0, 0},
      {"open of a missing name", [](const Place& p) { return open_error(p.fresh(), O_RDONLY); },
       ENOENT, ENOENT},
      {"open with O_DIRECTORY",
       [](const Place& p) { return open_error(p.image(), O_RDONLY | O_DIRECTORY); }, ENOTDIR,
       ENOTDIR},
      {"open of a directory",
       [](const Place& p) { return open_error(p.directory, O_RDONLY | O_DIRECTORY); }, 0, 0},
      {"open of a directory to write",
       [](const Place& p) { return open_error(p.directory, O_RDWR); }, EISDIR, EISDIR},
      {"open of a directory with O_CREAT",
       [](const Place& p) { return open_error(p.directory, O_RDONLY | O_CREAT); }, EISDIR, EISDIR},
      {"open with O_CREAT and O_EXCL",
       [](const Place& p) { return open_error(p.image(), O_RDONLY | O_CREAT | O_EXCL); }, EEXIST,
       EEXIST},
      {"open with O_CREAT of what is there",
       [](const Place& p) { return open_error(p.image(), O_RDONLY | O_CREAT); }, 0, 0},
      {"open with O_NOFOLLOW", [](const Place& p) { return open_error(p.image(), O_NOFOLLOW); }, 0,
       0},
      {"reading through O_PATH",
       [](const Place& p) {
         const OpenedFile file(p.image(), O_PATH);
         require(file.error == 0, "it opens");
         struct stat status {};
         require(::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode), "fstat");
         char byte = 0;
         return error_of(::read(file.get(), &byte, 1));
       },
       EBADF, EBADF},
      Row{"open with O_TMPFILE",
          [](const Place& p) { return open_error(p.directory, O_RDWR | O_TMPFILE); }, 0, EACCES}
          .in_mount(EOPNOTSUPP, EACCES, "every file is an image with a name"),
      Row{"open to write", [](const Place& p) { return open_error(p.image(), O_WRONLY); }, 0,
          EACCES}
          .in_mount(EPERM, EACCES, kImmutable),
      Row{"open to read and append",
          [](const Place& p) { return open_error(p.image(), O_RDWR | O_APPEND); }, 0, EACCES}
          .in_mount(EPERM, EACCES, kImmutable),
      {"making a file",
       [](const Place& p) {
         const int error = open_error(p.fresh(), O_RDWR | O_CREAT | O_EXCL);
         if (error == 0) require(stat_error(p.fresh()) == 0, "it is there");
         return error;
       },
       0, EACCES},
      {"access to read", [](const Place& p) { return error_of(::access(p.image().c_str(), R_OK)); },
       0, 0},
      {"access to write",
       [](const Place& p) { return error_of(::access(p.image().c_str(), W_OK)); }, 0, EACCES},
      {"access to run", [](const Place& p) { return error_of(::access(p.image().c_str(), X_OK)); },
       EACCES, EACCES},
      {"access to write the directory",
       [](const Place& p) { return error_of(::access(p.directory.c_str(), W_OK)); }, 0, EACCES},
  };
}

int bind_error(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return error_of(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
}

// Where fs.protected_hardlinks is on, who may not write a file may not link it: EPERM.
int link_error(const Place& place) {
  const int error = error_of(::link(place.image().c_str(), place.fresh().c_str()));
  return error == EPERM && ::geteuid() != 0 ? EACCES : error;
}

std::vector<Row> maker_rows() {
  return {
      Row{"mkdir",
          [](const Place& p) {
            const int error = error_of(::mkdir(p.fresh().c_str(), 0755));
            if (error == 0) require(::rmdir(p.fresh().c_str()) == 0, "it is removed");
            return error;
          },
          0, EACCES}
          .in_mount(EPERM, EACCES, kDirectories),
      {"mkdir of a file's name",
       [](const Place& p) { return error_of(::mkdir(p.image().c_str(), 0)); }, EEXIST, EEXIST},
      {"mkdir of the directory",
       [](const Place& p) { return error_of(::mkdir(p.directory.c_str(), 0)); }, EEXIST, EEXIST},
      {"mkdir below a file",
       [](const Place& p) { return error_of(::mkdir((p.image() + "/d").c_str(), 0)); }, ENOTDIR,
       ENOTDIR},
      {"rmdir of a file", [](const Place& p) { return error_of(::rmdir(p.image().c_str())); },
       ENOTDIR, EACCES},
      {"rmdir of a missing name",
       [](const Place& p) { return error_of(::rmdir(p.fresh().c_str())); }, ENOENT, ENOENT},
      {"rmdir of a dot",
       [](const Place& p) { return error_of(::rmdir((p.directory + "/.").c_str())); }, EINVAL,
       EINVAL},
      {"rmdir of two dots",
       [](const Place& p) { return error_of(::rmdir((p.directory + "/..").c_str())); }, ENOTEMPTY,
       ENOTEMPTY},
      Row{"link", link_error, 0, EACCES}.in_mount(EPERM, EACCES, kOneName),
      {"link to a name that is there",
       [](const Place& p) { return error_of(::link(p.image().c_str(), p.image().c_str())); },
       EEXIST, EEXIST},
      {"symlink to a name that is there",
       [](const Place& p) { return error_of(::symlink("x", p.image().c_str())); }, EEXIST, EEXIST},
      Row{"mkfifo", [](const Place& p) { return error_of(::mkfifo(p.fresh().c_str(), 0600)); }, 0,
          EACCES}
          .in_mount(EPERM, EACCES, "Glance has no such files"),
      {"mkfifo of a file's name",
       [](const Place& p) { return error_of(::mkfifo(p.image().c_str(), 0600)); }, EEXIST, EEXIST},
      {"mknod of a regular file",
       [](const Place& p) { return error_of(::mknod(p.fresh().c_str(), S_IFREG | 0644, 0)); }, 0,
       EACCES},
      Row{"bind", [](const Place& p) { return bind_error(p.fresh()); }, 0, EACCES}.in_mount(
          EPERM, EACCES, "Glance has no such files"),
      {"bind of a file's name", [](const Place& p) { return bind_error(p.image()); }, EADDRINUSE,
       EADDRINUSE},
  };
}

int rename_error(const std::string& from, const std::string& to, unsigned flags = 0) {
  return error_of(::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

std::vector<Row> rename_rows() {
  return {
      {"unlink of a missing name",
       [](const Place& p) { return error_of(::unlink(p.fresh().c_str())); }, ENOENT, ENOENT},
      {"unlink of a directory",
       [](const Place& p) { return error_of(::unlink(p.directory.c_str())); }, EISDIR, EACCES},
      {"unlink below a file",
       [](const Place& p) { return error_of(::unlink((p.image() + "/x").c_str())); }, ENOTDIR,
       ENOTDIR},
      {"unlink with a slash",
       [](const Place& p) { return error_of(::unlink((p.image() + "/").c_str())); }, ENOTDIR,
       ENOTDIR},
      {"unlink",
       [](const Place& p) {
         if (::geteuid() != 0) return error_of(::unlink(p.image().c_str()));
         const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
         const int error = error_of(::unlink(p.fresh().c_str()));
         require(stat_error(p.fresh()) == ENOENT, "the name is gone");
         return error;
       },
       0, EACCES},
      {"rename of a missing name",
       [](const Place& p) { return rename_error(p.fresh(), p.fresh() + "2"); }, ENOENT, ENOENT},
      {"rename into a missing directory",
       [](const Place& p) { return rename_error(p.image(), p.fresh() + "/x"); }, ENOENT, ENOENT},
      {"rename into a file",
       [](const Place& p) { return rename_error(p.image(), p.image() + "/x"); }, ENOTDIR, ENOTDIR},
      {"rename to itself", [](const Place& p) { return rename_error(p.image(), p.image()); }, 0, 0},
      {"rename to what is there, which is not wanted",
       [](const Place& p) {
         return rename_error(p.image(), p.directory + "/f00", RENAME_NOREPLACE);
       },
       EEXIST, EEXIST},
      {"rename to itself, which is not wanted",
       [](const Place& p) { return rename_error(p.image(), p.image(), RENAME_NOREPLACE); }, EEXIST,
       EEXIST},
      {"rename to a name of 256 bytes",
       [](const Place& p) {
         return rename_error(p.image(), p.directory + "/" + std::string(256, 'n'));
       },
       ENAMETOOLONG, ENAMETOOLONG},
      {"rename of a dot",
       [](const Place& p) { return rename_error(p.directory + "/.", p.fresh()); }, EBUSY, EBUSY},
      {"rename there and back",
       [](const Place& p) {
         const int error = rename_error(p.image(), p.fresh());
         if (error != 0) return error;
         require(stat_error(p.image()) == ENOENT, "the old name is gone");
         return rename_error(p.fresh(), p.image());
       },
       0, EACCES},
  };
}

std::vector<Row> attribute_rows() {
  return {
      {"chmod to what it is",
       [](const Place& p) { return error_of(::chmod(p.image().c_str(), 0644)); }, 0, EPERM},
      {"chown to whom it belongs",
       [](const Place& p) { return error_of(::chown(p.image().c_str(), 0, 0)); }, 0, EPERM},
      {"chown to nobody in particular",
       [](const Place& p) {
         return error_of(
             ::chown(p.image().c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(-1)));
       },
       0, 0},
      {"utimens to a time",
       [](const Place& p) {
         const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
         return error_of(::utimensat(AT_FDCWD, p.image().c_str(), times, 0));
       },
       0, EPERM},
      {"utimens to now",
       [](const Place& p) {
         return error_of(::utimensat(AT_FDCWD, p.image().c_str(), nullptr, 0));
       },
       0, EACCES},
      Row{"truncate",
          [](const Place& p) {
            const auto size = static_cast<off_t>(content().size());
            const int error = error_of(::truncate(p.image().c_str(), size + 1));
            return error != 0 ? error : error_of(::truncate(p.image().c_str(), size));
          },
          0, EACCES}
          .in_mount(EPERM, EACCES, kImmutable),
      {"truncate of a directory",
       [](const Place& p) { return error_of(::truncate(p.directory.c_str(), 0)); }, EISDIR, EISDIR},
      {"truncate of a missing name",
       [](const Place& p) { return error_of(::truncate(p.fresh().c_str(), 0)); }, ENOENT, ENOENT},
      {"truncate to less than nothing",
       [](const Place& p) { return error_of(::truncate(p.image().c_str(), -1)); }, EINVAL, EINVAL},
      {"a missing attribute",
       [](const Place& p) {
         return error_of(::getxattr(p.image().c_str(), "user.none", nullptr, 0));
       },
       ENODATA, ENODATA},
      {"setting an attribute",
       [](const Place& p) {
         return error_of(::setxattr(p.image().c_str(), "user.glance.x", "1", 1, 0));
       },
       0, EACCES},
      {"statvfs",
       [](const Place& p) {
         struct statvfs status {};
         const int error = error_of(::statvfs(p.image().c_str(), &status));
         require(status.f_namemax == 255, "names have 255 bytes");
         require(status.f_bsize > 0 && status.f_frsize > 0, "blocks have a size");
         require(status.f_bfree <= status.f_blocks && status.f_bavail <= status.f_bfree, "blocks");
         require(status.f_ffree <= status.f_files, "files");
         return error;
       },
       0, 0},
  };
}

}  // namespace

std::vector<Row> path_rows() {
  std::vector<Row> all;
  for (const auto& rows :
       {name_rows(), open_rows(), maker_rows(), rename_rows(), attribute_rows()}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace glancefs::mount_test
