// Open files: what open, create, read, write, flush and release mean.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>
#include <utility>

#include "fs/catalogue/catalogue.h"
#include "fs/catalogue/tree.h"
#include "fs/control.h"
#include "fs/filesystem.h"
#include "fs/read/fetcher.h"
#include "fs/write/uploads.h"

namespace glancefs::fs {

struct UploadHandle;

/// Throws why the data of `image` cannot be read now: ENODATA (queued), EBUSY (being written),
/// EACCES (deactivated, and we are no administrator, to whom Glance gives it all the same), EIO (no
/// size, or a status we do not know).
void check_readable(const client::Image& image, bool is_admin);

/// Thread-safe. The methods are those of Filesystem; all references outlive it.
class Files {
 public:
  Files(const Config& config, Tree& tree, Catalogue& catalogue, Fetcher& fetcher, Uploads& uploads,
        const Control& control)
      : config_(config),
        tree_(tree),
        catalogue_(catalogue),
        fetcher_(fetcher),
        uploads_(uploads),
        control_(control) {}

  Opened open(NodeId node, int flags, const Caller& caller, std::stop_token stop);
  /// Answers the new file's node, too.
  std::pair<Node, Opened> create(NodeId parent, std::string_view name, int flags,
                                 const Caller& caller, std::stop_token stop);
  void read(Handle& handle, std::uint64_t offset, std::size_t size,
            std::unique_ptr<PendingRead> reader);
  static void kernel_writes(Handle& handle);
  static void write(Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes);
  static void truncate(Handle& handle, std::uint64_t size);
  static void allocate(Handle& handle, int mode, std::uint64_t offset, std::uint64_t length,
                       const std::stop_token& stop);
  static std::uint64_t seek(const Handle& handle, std::uint64_t offset, Seek wanted);
  static bool flush_uploads(const Handle& handle, const Caller& caller);
  void flush(Handle& handle, const Caller& caller, std::stop_token stop);
  static bool sync_uploads(const Handle& handle);
  void sync(Handle& handle, std::stop_token stop);
  void release(std::unique_ptr<Handle> handle) noexcept;
  void abandon(std::unique_ptr<Handle> handle) noexcept;

 private:
  void give_up(const UploadHandle& file);
  static Opened open_upload(const Node& node, int flags, const Caller& caller);
  Opened open_image(const Node& node, const std::stop_token& stop);
  Opened open_for_writing(const Node& node, int flags, const Caller& caller,
                          const std::stop_token& stop);

  const Config& config_;
  Tree& tree_;
  Catalogue& catalogue_;
  Fetcher& fetcher_;
  Uploads& uploads_;
  const Control& control_;
};

}  // namespace glancefs::fs
