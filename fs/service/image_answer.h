// The record of an image with its own JSON types, for `glancefs image show`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "client/images.h"

namespace glancefs::fs {

/// Glance's flat object: base fields in its order, absent ones null, then the members (as
/// user.glance.members lists them) and the custom properties. `stores` is a list.
nlohmann::ordered_json image_answer(const client::Image& image,
                                    const std::optional<std::string>& members);

}  // namespace glancefs::fs
