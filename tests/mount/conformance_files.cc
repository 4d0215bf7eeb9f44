// Calls on open files.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "tests/mount/conformance.h"

namespace glancefs::mount_test {
namespace {

std::string read_at(int fd, off_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd, bytes.data(), size, offset);
  require(got >= 0, "read");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

/// A row that opens the image to read and calls `act` on it; the same for root and others.
Row on_image(const std::string& name, std::function<int(int)> act, int expected = 0) {
  return {name,
          [act = std::move(act)](const Place& p) {
            const OpenedFile file(p.image(), O_RDONLY);
            require(file.error == 0, "it opens");
            return act(file.get());
          },
          expected, expected};
}

/// A row that makes a file and calls `act` on it; nobody but root may make one.
Row on_new(const std::string& name, std::function<int(int)> act, int expected = 0,
           int flags = O_RDWR) {
  return {name,
          [act = std::move(act), flags](const Place& p) {
            const OpenedFile file(p.fresh(), flags | O_CREAT | O_EXCL);
            return file.error != 0 ? file.error : act(file.get());
          },
          expected, EACCES};
}

std::vector<Row> reading_rows() {
  return {
      on_image("reading all",
               [](int fd) {
                 require(read_at(fd, 0, 1 << 20) == content(), "the bytes");
                 return 0;
               }),
      on_image("reading past the end",
               [](int fd) {
                 require(read_at(fd, 1 << 30, 10).empty(), "nothing");
                 return 0;
               }),
      on_image(
          "writing what is open to read", [](int fd) { return error_of(::write(fd, "x", 1)); },
          EBADF),
      on_image(
          "ftruncate of what is open to read", [](int fd) { return error_of(::ftruncate(fd, 0)); },
          EINVAL),
      on_image(
          "fallocate of what is open to read",
          [](int fd) { return error_of(::fallocate(fd, 0, 0, 4096)); }, EBADF),
      on_image("fsync", [](int fd) { return error_of(::fsync(fd)); }),
      on_image("fdatasync", [](int fd) { return error_of(::fdatasync(fd)); }),
      on_image(
          "seeking before the beginning",
          [](int fd) { return error_of(::lseek(fd, -1, SEEK_SET)); }, EINVAL),
      on_image("seeking from the end",
               [](int fd) {
                 require(::lseek(fd, -10, SEEK_END) == static_cast<off_t>(content().size()) - 10,
                         "the offset");
                 return 0;
               }),
      on_image("seeking data",
               [](int fd) {
                 require(::lseek(fd, 5, SEEK_DATA) == 5, "there is some");
                 require(::lseek(fd, 5, SEEK_HOLE) == static_cast<off_t>(content().size()),
                         "a hole at the end");
                 return 0;
               }),
      on_image(
          "seeking data at the end",
          [](int fd) {
            return error_of(::lseek(fd, static_cast<off_t>(content().size()), SEEK_DATA));
          },
          ENXIO),
      on_image(
          "seeking a hole past the end",
          [](int fd) { return error_of(::lseek(fd, 1 << 30, SEEK_HOLE)); }, ENXIO),
      on_image("a mapping",
               [](int fd) {
                 void* const pages = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
                 if (pages == MAP_FAILED) return errno;
                 require(std::string(static_cast<char*>(pages), 4096) == content().substr(0, 4096),
                         "the bytes");
                 return error_of(::munmap(pages, 4096));
               }),
      on_image(
          "a mapping to write",
          [](int fd) {
            void* const pages = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            return pages == MAP_FAILED ? errno : 0;
          },
          EACCES),
      {"reading with O_DIRECT",
       [](const Place& p) {
         const OpenedFile file(p.image(), O_RDONLY | O_DIRECT);
         if (file.error != 0) return file.error;
         const std::unique_ptr<void, decltype(&std::free)> page(std::aligned_alloc(4096, 4096),
                                                                std::free);
         require(::pread(file.get(), page.get(), 4096, 4096) == 4096, "a block");
         require(std::string(static_cast<char*>(page.get()), 4096) == content().substr(4096, 4096),
                 "the bytes");
         return 0;
       },
       0, 0},
  };
}

std::vector<Row> copying_rows() {
  return {
      on_image(
          "ioctl of a terminal",
          [](int fd) {
            winsize size{};
            return error_of(::ioctl(fd, TIOCGWINSZ, &size));
          },
          ENOTTY),
      on_image("the flags of lsattr",
               [](int fd) {
                 int flags = 0;
                 return error_of(::ioctl(fd, FS_IOC_GETFLAGS, &flags));
               })
          .in_mount(ENOTTY, ENOTTY, "none of them is true of images, which can be renamed"),
      {"sendfile",
       [](const Place& p) {
         const OpenedFile from(p.image(), O_RDONLY);
         const std::string path = p.scratch + "/sent";
         const OpenedFile to(path, O_RDWR | O_CREAT | O_TRUNC);
         require(from.error == 0 && to.error == 0, "they open");
         off_t at = 0;
         while (::sendfile(to.get(), from.get(), &at, 1 << 20) > 0) {
         }
         require(read_at(to.get(), 0, 1 << 20) == content(), "the bytes");
         return error_of(::unlink(path.c_str()));
       },
       0, 0},
      {"copy_file_range within",
       [](const Place& p) {
         const OpenedFile from(p.image(), O_RDONLY);
         const OpenedFile to(p.fresh(), O_RDWR | O_CREAT);
         if (to.error != 0) return to.error;
         off_t at = 0;
         while (at < static_cast<off_t>(content().size())) {
           off_t target = at;
           if (::copy_file_range(from.get(), &at, to.get(), &target, 1 << 20, 0) <= 0) return errno;
         }
         require(read_at(to.get(), 0, 1 << 20) == content(), "the bytes");
         return 0;
       },
       0, EACCES},
      Row{"copy_file_range out of it",
          [](const Place& p) {
            const OpenedFile from(p.image(), O_RDONLY);
            const std::string path = p.scratch + "/copied";
            const OpenedFile to(path, O_RDWR | O_CREAT);
            require(from.error == 0 && to.error == 0 && ::unlink(path.c_str()) == 0, "they open");
            return error_of(::copy_file_range(from.get(), nullptr, to.get(), nullptr, 4096, 0));
          },
          0, 0}
          .in_mount(EXDEV, EXDEV, "it is another file system"),
      {"a reflink",
       [](const Place& p) {
         const OpenedFile from(p.image(), O_RDONLY);
         const OpenedFile to(p.fresh(), O_RDWR | O_CREAT);
         return to.error != 0 ? to.error : error_of(::ioctl(to.get(), FICLONE, from.get()));
       },
       EOPNOTSUPP, EACCES},
  };
}

std::vector<Row> writing_rows() {
  return {
      on_new(
          "reading what is open to write",
          [](int fd) {
            char byte = 0;
            return error_of(::read(fd, &byte, 1));
          },
          EBADF, O_WRONLY),
      on_new("writing and reading back",
             [](int fd) {
               require(::pwrite(fd, "abc", 3, 5) == 3, "write");
               require(read_at(fd, 0, 100) == std::string("\0\0\0\0\0abc", 8), "the bytes");
               return 0;
             }),
      on_new(
          "appending",
          [](int fd) {
            require(::write(fd, "one", 3) == 3 && ::lseek(fd, 0, SEEK_SET) == 0, "write");
            require(::write(fd, "two", 3) == 3, "write");
            require(read_at(fd, 0, 100) == "onetwo", "at the end");
            return 0;
          },
          0, O_RDWR | O_APPEND),
      on_new(
          "ftruncate",
          [](int fd) {
            require(::write(fd, "data", 4) == 4, "write");
            require(::ftruncate(fd, 2) == 0 && ::ftruncate(fd, 3) == 0, "ftruncate");
            require(read_at(fd, 0, 100) == std::string("da\0", 3), "the bytes");
            return error_of(::ftruncate(fd, -1));
          },
          EINVAL),
      on_new(
          "the holes of a sparse file",
          [](int fd) {
            constexpr off_t kPart = 1 << 20;
            require(::ftruncate(fd, 4 * kPart) == 0, "ftruncate");
            require(::pwrite(fd, "x", 1, kPart) == 1, "write");
            require(::lseek(fd, 0, SEEK_HOLE) == 0, "a hole at the beginning");
            require(::lseek(fd, 0, SEEK_DATA) == kPart, "data after it");
            const off_t end = ::lseek(fd, kPart, SEEK_HOLE);
            require(end > kPart && end <= kPart + 65536, "a hole after that");
            return error_of(::lseek(fd, 2 * kPart, SEEK_DATA));
          },
          ENXIO),
      on_new("fallocate",
             [](int fd) {
               require(::fallocate(fd, 0, 0, 5000) == 0, "it grows");
               require(::lseek(fd, 0, SEEK_END) == 5000, "the size");
               require(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000) == 0, "room");
               require(::lseek(fd, 0, SEEK_END) == 5000, "the size is kept");
               return error_of(::posix_fallocate(fd, 0, 6000));
             }),
      on_new("punching a hole",
             [](int fd) {
               const std::string bytes(3 * 65536, 'x');
               require(::write(fd, bytes.data(), bytes.size()) > 0, "write");
               constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
               const int error = error_of(::fallocate(fd, kPunch, 65536, 65536));
               require(read_at(fd, 65536, 65536) == std::string(65536, '\0'), "zeros");
               require(read_at(fd, 131072, 10) == "xxxxxxxxxx", "the rest");
               return error;
             }),
      on_new(
          "fallocate of nothing", [](int fd) { return error_of(::fallocate(fd, 0, 0, 0)); },
          EINVAL),
      on_new(
          "fallocate before the beginning",
          [](int fd) { return error_of(::fallocate(fd, 0, -1, 10)); }, EINVAL),
      on_new(
          "fallocate beyond all files",
          [](int fd) { return error_of(::fallocate(fd, 0, 0x7ffffffffffffff0, 100)); }, EFBIG),
      {"what is unlinked stays readable",
       [](const Place& p) {
         const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
         if (file.error != 0) return file.error;
         require(::write(file.get(), "data", 4) == 4, "write");
         require(::unlink(p.fresh().c_str()) == 0, "unlink");
         require(read_at(file.get(), 0, 10) == "data", "the bytes");
         require(::write(file.get(), "more", 4) == 4, "write");
         require(read_at(file.get(), 0, 10) == "datamore", "the bytes");
         struct stat status {};
         const int error = error_of(::fstat(file.get(), &status));
         require(error != 0 || (status.st_nlink == 0 && status.st_size == 8), "no name is left");
         require(error != 0 || ::ftruncate(file.get(), 2) == 0, "ftruncate");
         return error;
       },
       0, EACCES},
      {"what was closed and is unlinked stays readable",
       [](const Place& p) {
         {
           const OpenedFile file(p.fresh(), O_WRONLY | O_CREAT);
           if (file.error != 0) return file.error;
           require(::write(file.get(), "data", 4) == 4, "write");
         }
         const OpenedFile file(p.fresh(), O_RDONLY);
         require(file.error == 0, "it opens");
         require(::unlink(p.fresh().c_str()) == 0, "unlink");
         require(read_at(file.get(), 0, 10) == "data", "the bytes");
         struct stat status {};
         require(::fstat(file.get(), &status) == 0 && status.st_size == 4, "fstat");
         return 0;
       },
       0, EACCES},
  };
}

/// The errno that `act` has in another process.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  require(child >= 0, "fork");
  if (child == 0) {
    try {
      ::_exit(act());
    } catch (const Wrong&) {
      ::_exit(ENOTRECOVERABLE);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

struct flock lock_of(short type) {
  return {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0, .l_pid = 0};
}

std::vector<Row> lock_rows() {
  return {
      {"flock against another process",
       [](const Place& p) {
         const OpenedFile file(p.image(), O_RDONLY);
         require(::flock(file.get(), LOCK_EX) == 0, "flock");
         return in_child([&] {
           const OpenedFile other(p.image(), O_RDONLY);
           return error_of(::flock(other.get(), LOCK_SH | LOCK_NB));
         });
       },
       EWOULDBLOCK, EWOULDBLOCK},
      {"F_SETLK against another process",
       [](const Place& p) {
         const OpenedFile file(p.fresh(), O_RDWR | O_CREAT);
         if (file.error != 0) return file.error;
         struct flock mine = lock_of(F_WRLCK);
         require(::fcntl(file.get(), F_SETLK, &mine) == 0, "F_SETLK");
         return in_child([&] {
           struct flock other = lock_of(F_WRLCK);
           const int error = error_of(::fcntl(file.get(), F_SETLK, &other));
           require(::fcntl(file.get(), F_GETLK, &other) == 0 && other.l_pid == ::getppid(),
                   "F_GETLK");
           return error;
         });
       },
       EAGAIN, EACCES},
      {"open file description locks",
       [](const Place& p) {
         const OpenedFile one(p.image(), O_RDONLY);
         const OpenedFile two(p.image(), O_RDONLY);
         struct flock lock = lock_of(F_RDLCK);
         require(::fcntl(one.get(), F_OFD_SETLK, &lock) == 0, "F_OFD_SETLK");
         lock = lock_of(F_RDLCK);
         return error_of(::fcntl(two.get(), F_OFD_SETLK, &lock));
       },
       0, 0},
      {"an open file description lock against another",
       [](const Place& p) {
         const OpenedFile one(p.fresh(), O_RDWR | O_CREAT);
         if (one.error != 0) return one.error;
         const OpenedFile two(p.fresh(), O_RDWR);
         struct flock lock = lock_of(F_WRLCK);
         require(::fcntl(one.get(), F_OFD_SETLK, &lock) == 0, "F_OFD_SETLK");
         lock = lock_of(F_WRLCK);
         return error_of(::fcntl(two.get(), F_OFD_SETLK, &lock));
       },
       EAGAIN, EACCES},
      on_new("a lease", [](int fd) { return error_of(::fcntl(fd, F_SETLEASE, F_WRLCK)); }),
      on_image(
          "a lock to write of what is open to read",
          [](int fd) {
            struct flock lock = lock_of(F_WRLCK);
            return error_of(::fcntl(fd, F_SETLK, &lock));
          },
          EBADF),
  };
}

}  // namespace

std::vector<Row> file_rows() {
  std::vector<Row> all;
  for (const auto& rows : {reading_rows(), copying_rows(), writing_rows(), lock_rows()}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace glancefs::mount_test
