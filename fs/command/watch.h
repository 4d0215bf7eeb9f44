// Commands that show the same again and again.
#pragma once

#include <functional>

#include "fs/command/commands.h"
#include "fs/command/interrupt.h"

namespace glancefs::fs {

/// Prints what `show` answers, once, or with --watch every second until Interrupted; on a terminal
/// in the same place.
void show_or_watch(const CommandCall& call, const Interrupt& interrupt,
                   const std::function<std::string()>& show);

}  // namespace glancefs::fs
