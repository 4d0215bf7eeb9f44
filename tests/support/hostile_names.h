// Names that strangers may give their images to do harm, or by accident.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace glancefs::test {

/// A UUID that some of the names look like, or like an alias of.
inline constexpr std::string_view kSomeId = "1234abcd-0000-4000-8000-00000000ffff";

std::string repeated(std::string_view text, std::size_t times);

/// Everything below: some that Glance takes and some that it does not.
std::vector<std::string> many_names();
/// Those chosen by hand, without the random ones.
std::vector<std::string> chosen_names();
/// Names from an alphabet in which the special forms are likely.
std::vector<std::string> random_names(unsigned seed, std::size_t count);

}  // namespace glancefs::test
