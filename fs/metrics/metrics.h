// All that is counted while it happens. What is known anyway (the cache, the catalogue, uploads) is
// asked for when somebody reads: see metrics_text.h.
#pragma once

#include "fs/metrics/operation_counters.h"
#include "fs/metrics/request_counters.h"

namespace glancefs::fs {

/// Of one mount. Thread-safe, as its parts are.
struct Metrics {
  OperationCounters operations;
  RequestCounters requests;
};

}  // namespace glancefs::fs
