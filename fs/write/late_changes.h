// What was set on a file and could not go to Glance with its data.
#pragma once

#include <exception>
#include <functional>
#include <stop_token>
#include <vector>

#include "client/images.h"

namespace glancefs::fs {

/// Makes `image` be what `changes` say, its members (fs/attributes/member_list.h) among them: in
/// one request, or, where Glance refuses that, one after the other, so that a refusal stops only
/// what it is about. `failed` hears of each; nothing is thrown. Answers the record as it is then.
client::Image apply_late(client::Images& images, client::Image image,
                         std::vector<client::Change> changes,
                         const std::function<void(std::exception_ptr)>& failed,
                         const std::stop_token& stop);

}  // namespace glancefs::fs
