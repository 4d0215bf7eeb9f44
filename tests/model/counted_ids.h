// Makes client::new_uuid() count instead of throwing dice, so that a run can be repeated: a later
// id is greater, and four share their first eight digits.
#pragma once

namespace glancefs::model {

/// From the first id on. Not thread-safe.
void begin_counted_ids();

}  // namespace glancefs::model
