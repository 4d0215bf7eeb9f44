// When the bytes of an image are compared with its hash.
#pragma once

namespace glancefs::fs {

enum class Verify {
  kFull,    ///< once all of it is here, reads wait until the hash has been compared
  kLater,   ///< reads never wait; what turns out wrong is not served from then on
  kStrict,  ///< nothing is served before all of it is here and right
};

}  // namespace glancefs::fs
