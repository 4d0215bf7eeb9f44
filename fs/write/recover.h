// What a mount does with the bytes that earlier ones left in the journal.
#pragma once

namespace glancefs::fs {

enum class Recover {
  kAuto,     ///< what is whole is sent; the rest is kept
  kKeep,     ///< everything is kept and shown; sent when somebody asks
  kDiscard,  ///< everything is removed
};

}  // namespace glancefs::fs
