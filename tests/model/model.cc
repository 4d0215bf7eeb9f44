// What is shown: names, attributes, and what a name leads to.
#include "tests/model/model.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <tuple>

#include "tests/model/file_names.h"

namespace glancefs::model {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

auto seconds(devcloud::Time time) { return std::chrono::floor<std::chrono::seconds>(time); }

}  // namespace

bool Model::choose() {
  if (chosen == choices.size()) choices.push_back(false);
  return choices.at(chosen++);
}

bool Model::take_fault(const std::string& kind) {
  if (fault != kind) return false;
  fault.clear();
  return true;
}

int Model::request(bool repeatable) {
  if (fault == "503") return EIO;
  return take_fault("503 once") && !repeatable ? EIO : 0;
}

bool Model::visible(const Version& version) const {
  const Image& image = version.image;
  if (is_ours(image) || image.visibility == "public" || image.visibility == "community")
    return true;
  return image.visibility == "shared" && image.members.contains(project_);
}

bool Model::listed(const Version& version) const {
  if (!visible(version)) return false;
  const auto member = version.image.members.find(project_);
  return is_ours(version.image) || version.image.visibility != "shared" ||
         member->second.status == "accepted";
}

const Image& Model::shown(int file) const {
  const File& known = files.at(file);
  return known.local != 0 ? locals.at(known.local).wanted : known.seen->image;
}

std::string Model::directory_of(int file) const {
  const File& known = files.at(file);
  // What is being written is where its program put it.
  if (known.local == 0 && (!known.seen || known.seen->image.hidden)) return "";
  return home_of(file);
}

std::string Model::home_of(int file) const {
  const File& known = files.at(file);
  if (known.local == 0 && !known.seen) return "";
  const std::string& visibility = shown(file).visibility;
  return known.offered && visibility == "shared" ? kOffers : visibility;
}

void Model::in_the_background() {
  if (!offers_due_ || !choose()) return;
  offers_due_ = one_program_;  // a lookup and the first listing may each have asked
  for (auto& [number, file] : files) {
    if (file.local != 0) continue;
    const bool shared = file.truth && !is_ours(file.truth->image) &&
                        file.truth->image.visibility == "shared" && visible(*file.truth);
    const bool waits = shared && file.truth->image.members.at(project_).status == "pending";
    if (waits) file.seen = file.truth;
    if (!waits && file.offered) file.seen = nullptr;
    file.offered = waits;
  }
}

// The name it would like to have.
std::string Model::key_of(int file) const {
  const auto& name = shown(file).name;
  return name.value_or("").empty() ? files.at(file).id : escaped(*name);
}

std::vector<int> Model::group(const std::string& directory, const std::string& key) const {
  std::vector<int> members;
  for (const auto& [number, file] : files) {
    if (directory_of(number) == directory && key_of(number) == key) members.push_back(number);
  }
  return members;
}

// Who has the plain name; 0: nobody.
int Model::winner(const std::vector<int>& group) const {
  const auto rank = [this](int file) {
    return std::tuple(is_ours(shown(file)), files.at(file).local != 0,
                      seconds(shown(file).created_at), files.at(file).id);
  };
  if (group.empty() || key_of(group.front()).size() > kLongest) return 0;
  const int best = *std::ranges::max_element(group, {}, rank);
  const bool one_owner =
      std::ranges::all_of(group, [&](int file) { return shown(file).owner == shown(best).owner; });
  return is_ours(shown(best)) || one_owner ? best : 0;
}

std::string Model::name_of(int file) const {
  const std::string key = key_of(file);
  const std::vector<int> rivals = group(directory_of(file), key);
  const std::string& id = files.at(file).id;
  if (winner(rivals) == file || key == id) return key;
  const auto same_digits = std::ranges::count_if(files, [&](const auto& other) {
    return directory_of(other.first) == directory_of(file) &&
           other.second.id.starts_with(id.substr(0, 8));
  });
  return alias(key, same_digits == 1 ? id.substr(0, 8) : id);
}

int Model::find(const std::string& directory, const std::string& name) const {
  if (directory == "by-id") {
    for (const auto& [number, file] : files) {
      if (file.id == name && (file.seen || file.local != 0)) return number;
    }
    return 0;
  }
  if (const int best = winner(group(directory, name))) return best;
  if (directory.empty()) return 0;
  for (const auto& [number, file] : files) {
    if (home_of(number) == directory && file.id == name) return number;
  }
  return find_alias(directory, name);
}

// Digits that are not unique lead nowhere, but to the one that is listed so.
int Model::find_alias(const std::string& directory, const std::string& name) const {
  const std::string digits = alias_digits(name);
  if (digits.empty()) return 0;
  std::vector<int> meant;
  for (const auto& [number, file] : files) {
    const bool fits = home_of(number) == directory && file.id.starts_with(digits);
    if (fits && name == alias(key_of(number), digits)) meant.push_back(number);
  }
  if (meant.size() == 1) return meant.front();
  for (const int number : meant) {
    if (directory_of(number) == directory && name_of(number) == name) return number;
  }
  return 0;
}

int Model::missing(const std::string& name) {
  return name.size() > kLongest ? ENAMETOOLONG : ENOENT;
}

// A name that is not known is asked for, at most once a second.
int Model::lookup(const std::string& directory, const std::string& name) {
  if (const int known = find(directory, name)) return known;
  const bool asks = missing(name) == ENOENT && directory != "by-id" && directory != kOffers &&
                    !name.starts_with('.') && alias_digits(name).empty();
  if (!asks || fault == "503") return 0;
  std::vector<int> news;
  for (const auto& [number, file] : files) {
    if (!file.truth || file.local != 0 || file.truth == file.seen) continue;
    const Image& image = file.truth->image;
    if (listed(*file.truth) && !image.hidden && image.name == unescaped(name))
      news.push_back(number);
  }
  if (news.empty() || !choose()) return 0;
  for (const int number : news) {
    files.at(number).seen = files.at(number).truth;
    files.at(number).offered = false;
  }
  return find(directory, name);
}

std::map<std::string, std::string> Model::tree() const {
  std::map<std::string, std::string> paths;
  for (const auto& [number, file] : files) {
    if (!file.seen && file.local == 0) continue;
    const Image& image = shown(number);
    const bool local = file.local != 0;
    const bool writable = local || (is_ours(image) && !image.is_protected);
    std::string text = image.status == "deactivated" && !local ? "mode 0"
                       : writable                              ? "mode 644"
                                                               : "mode 444";
    const std::uint64_t size = local ? locals.at(file.local).bytes.size() : readable_size(image);
    text += " size " + std::to_string(size);
    if (!local) {
      text += " modified " + devcloud::iso_time(image.created_at);
      text += " changed " + devcloud::iso_time(image.updated_at);
    }
    for (const auto& [key, value] : local ? settable_fields(image) : all_fields(image)) {
      text += "\n    " + key + "=" + value;
    }
    paths[".glancefs/by-id/" + file.id] = text;
    const std::string directory = directory_of(number);
    if (!directory.empty()) paths[directory + "/" + name_of(number)] = text;
  }
  return paths;
}

bool Model::is_written_here(const std::string& directory, const std::string& name) const {
  const int file = find(directory, name);
  return file != 0 && files.at(file).local != 0;
}

std::size_t Model::pending() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(files, [](const auto& file) { return file.second.local != 0; }));
}

std::string Model::with_ids(const std::string& text) const {
  if (text.find('<') == std::string::npos) return text;
  std::string out = text;
  for (const auto& [number, file] : files) {
    replace_all(out, "<" + std::to_string(number) + ">", file.id);
    replace_all(out, "<" + std::to_string(number) + ".8>", file.id.substr(0, 8));
  }
  return out;
}

std::string Model::without_ids(const std::string& text) const {
  std::string out = text;
  for (const auto& [number, file] : files) {
    if (file.id.empty()) continue;
    replace_all(out, file.id, "<" + std::to_string(number) + ">");
    replace_all(out, "~" + file.id.substr(0, 8), "~<" + std::to_string(number) + ".8>");
  }
  return out;
}

}  // namespace glancefs::model
