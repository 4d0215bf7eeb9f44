// Between a record of the journal and the image it is to become.
#pragma once

#include <string>
#include <string_view>

#include "cache/spool.h"
#include "client/images.h"

namespace glancefs::fs {

/// Where the image is to be.
struct UploadPlace {
  client::Visibility visibility;
  std::string name;
  /// UUID of the image that is there now and goes once this one is whole at Glance; empty: none.
  std::string replaces;
};

/// The image a record describes, before anything of it is at Glance.
client::Image image_of_record(const cache::SpoolRecord& record);

/// The record of a file that has been moved to `place`. One that was `found` queued at Glance keeps
/// that in what was set on it: only what was set here replaces what its record there says.
cache::SpoolRecord record_at(cache::SpoolRecord record, const UploadPlace& place);

/// Notes in the record that `change` of field `key`, as `text`, was made on the file.
void note_change(cache::SpoolRecord& record, const client::Change& change, std::string_view key,
                 std::string_view text);

/// What was written to a spool after its image was complete: a file of its own, beside it, which
/// nobody sends unasked.
cache::SpoolRecord late_record(cache::SpoolRecord record);

}  // namespace glancefs::fs
