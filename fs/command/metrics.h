// `glancefs metrics`.
#pragma once

#include "fs/command/commands.h"

namespace glancefs::fs {

/// Prints the metrics of a mount as Prometheus reads them, for a node exporter's directory of text
/// files.
CommandExit run_metrics(const CommandCall& call);

}  // namespace glancefs::fs
