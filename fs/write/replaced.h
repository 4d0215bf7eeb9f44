// What becomes of an image when a new one has taken its place.
#pragma once

namespace glancefs::fs {

enum class Replaced {
  kHide,    ///< os_hidden: in no list any more, still there for who knows its id
  kDelete,  ///< deleted; hidden where its data are in use and Glance does not delete it
};

}  // namespace glancefs::fs
