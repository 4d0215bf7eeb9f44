// user.glance.*: what Glance knows of an image, as extended attributes that can be set.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "client/images.h"
#include "fs/attributes/patches.h"
#include "fs/attributes/property_check.h"
#include "fs/attributes/sharing.h"
#include "fs/attributes/store_copies.h"
#include "fs/catalogue/tree.h"
#include "fs/write/uploads.h"

namespace glancefs::fs {

/// Thread-safe. The methods are those of Filesystem, for names with the prefix; all references
/// outlive it.
///
/// Most fields are a PATCH of the image's record. Three are something else at Glance: `members` are
/// records of their own, `stores` copies of the data, `status` an action.
class ImageXattrs {
 public:
  ImageXattrs(const Config& config, client::Images& images, Tree& tree, Turns& turns,
              Uploads& uploads, Patches& patches, PropertyCheck& checks, Sharing& sharing,
              StoreCopies& copies)
      : config_(config),
        images_(images),
        tree_(tree),
        turns_(turns),
        uploads_(uploads),
        patches_(patches),
        checks_(checks),
        sharing_(sharing),
        copies_(copies) {}

  void set(NodeId node, std::string_view name, std::string_view value, XattrMode mode,
           std::stop_token stop);
  void remove(NodeId node, std::string_view name, std::stop_token stop);

 private:
  /// False: it has become a file that is written, or an image again.
  bool set_on_image(const Node& node, std::string_view key, std::string_view value, XattrMode mode,
                    const std::stop_token& stop);
  bool set_on_file(const Node& node, std::string_view key, std::string_view value, XattrMode mode,
                   const std::stop_token& stop);
  bool remove_from_file(const Node& node, std::string_view key, const std::stop_token& stop);
  void remove_from_filled(const Upload& upload, const client::Change& change,
                          const std::stop_token& stop);
  bool apply_to_file(const Node& node, const client::Change& change, std::string_view text);
  std::shared_ptr<const PropertyRules> rules_for(std::string_view key, const std::stop_token& stop);
  void set_status(NodeId node, const std::string& word, XattrMode mode,
                  const std::stop_token& stop);

  const Config& config_;
  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
  Uploads& uploads_;
  Patches& patches_;
  PropertyCheck& checks_;
  Sharing& sharing_;
  StoreCopies& copies_;
};

/// The errors of XattrMode: EEXIST, ENODATA.
void check_mode(XattrMode mode, bool exists);

}  // namespace glancefs::fs
