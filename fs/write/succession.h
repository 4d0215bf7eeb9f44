// A file that is to take the place of an image: the last steps, once its bytes are at Glance.
#pragma once

#include <stop_token>
#include <string>

#include "client/images.h"
#include "fs/catalogue/tree.h"
#include "fs/failures.h"
#include "fs/turns.h"
#include "fs/write/removals.h"
#include "fs/write/upload.h"

namespace glancefs::fs {

/// Does nothing for uploads that replace no image. Thread-safe; one call at a time for one Upload.
/// Every step may be repeated, as the next mount does when this one dies in between.
class Succession {
 public:
  Succession(client::Images& images, Tree& tree, Turns& turns, Removals& removals,
             Failures& failures)
      : images_(images),
        tree_(tree),
        turns_(turns),
        removals_(removals),
        failures_(failures) {}

  /// `image`, which `upload` has become, was hidden until it is right. It is offered to the members
  /// of the one it replaces, and from now on lists show it.
  void take_name(Upload& upload, client::Image& image, std::stop_token stop);
  /// Then what had the name before goes. When Glance refuses that for good, it stays beside the new
  /// one and the reason is kept for it; what may pass is thrown.
  void take_place(Upload& upload, const client::Image& image, std::stop_token stop);

  /// Somebody else of ours has its name by now: sent, it would put older bytes before newer ones.
  bool is_surpassed(const Upload& upload) const;
  /// The file will not be complete for now: its name leads to the image again, unless Glance lists
  /// the new one already.
  void step_behind(const Upload& upload);

 private:
  void offer_to_members(const std::string& old, const client::Image& image,
                        const std::stop_token& stop);
  /// Does `action`; a refusal for good is only recorded, for the image `id`.
  template <typename Action>
  void unless_refused(const std::string& id, Action&& action);

  client::Images& images_;
  Tree& tree_;
  Turns& turns_;
  Removals& removals_;
  Failures& failures_;
};

}  // namespace glancefs::fs
