#include "fs/command/files.h"
#include "fs/command/mount_commands.h"

namespace glancefs::fs {

CommandExit show_image(const CommandCall& call) {
  return show_answer(call, "glancefs image show FILE", "image");
}

}  // namespace glancefs::fs
