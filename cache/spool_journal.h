// The journal of the spool: one small file per record, replaced as a whole.
#pragma once

#include <optional>
#include <string>

#include "cache/private_directory.h"
#include "cache/spool.h"

namespace glancefs::cache {

/// Names of the files that belong to the spool with this id.
inline std::string spool_data_name(const std::string& id) { return id + ".data"; }
inline std::string spool_record_name(const std::string& id) { return id + ".record"; }
inline std::string spool_draft_name(const std::string& id) { return id + ".record.new"; }

/// The record as the bytes of its file; doc/CACHE_FORMAT.md has the layout.
std::string encode(const SpoolRecord& record);

/// nullopt: not the bytes of a record, of another version, or damaged.
std::optional<SpoolRecord> decode(const std::string& bytes);

/// Replaces the record's file: written beside, synced, renamed, the directory synced. Throws
/// system_error; the old one then stays. What is written beside has its disk from the time before,
/// so that a disk which has become full (the kernel writes spools by itself) lets it through.
void write_record(const PrivateDirectory& directory, const SpoolRecord& record);

/// nullopt: there is none, or it is damaged.
std::optional<SpoolRecord> read_record(const PrivateDirectory& directory, const std::string& id);

}  // namespace glancefs::cache
