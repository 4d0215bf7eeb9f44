// What open() and create() make; private to fs/filesystem*.cc.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "client/images.h"
#include "fs/filesystem.h"
#include "fs/read/image_data.h"
#include "fs/write/upload.h"
#include "fs/write/writer.h"

namespace glancefs::fs {

/// An image at Glance, open for reading.
struct ImageHandle : Handle {
  NodeId node = 0;
  client::ImagePtr image;
  std::shared_ptr<Reader> reader;  ///< null: an image of 0 bytes
};

/// A file being written here, open for reading, writing or both.
struct UploadHandle : Handle {
  static constexpr pid_t kNobody = -1;
  NodeId node = 0;
  std::shared_ptr<Upload> upload;
  bool readable = false, writable = false;
  /// Whose close(2) sends the file: the process that opened it, if it only writes.
  pid_t sender = kNobody;
  bool exclusive = false;  ///< made by open(2) with O_EXCL
  Writer writer;           ///< who opened it to write
};

/// A file of .glancefs, as it was when opened. Shared with the answers to reads: who got one may
/// close the file before the call that answered has returned.
struct TextHandle : Handle {
  std::shared_ptr<const std::string> text;
};

}  // namespace glancefs::fs
