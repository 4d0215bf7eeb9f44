// Which attributes listxattr(2) names.
#pragma once

namespace glancefs::fs {

enum class XattrList {
  kAll,       ///< every field of the image
  kSettable,  ///< those that can be set, so that rsync -X finds nothing to complain about
};

}  // namespace glancefs::fs
