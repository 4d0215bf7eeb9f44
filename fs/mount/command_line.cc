#include "fs/mount/command_line.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "fs/mount/option_parser.h"
#include "fs/mount/option_table.h"
#include "fs/mount/paths.h"
#include "fs/mount/start_error.h"
#include "fs/mount/switches.h"

namespace glancefs::fs {
namespace {

[[noreturn]] void misuse(const std::string& what, std::string hint = {}) {
  throw StartError(ExitCode::kUsage, what, std::move(hint));
}

const Switch* find_switch(char letter) {
  const auto* found = std::ranges::find(kSwitches, letter, &Switch::letter);
  return found == kSwitches.end() ? nullptr : found;
}

const Switch* find_switch(std::string_view name) {
  const auto* found = std::ranges::find(kSwitches, name, &Switch::name);
  return found == kSwitches.end() ? nullptr : found;
}

/// What argv says, before the mount options are understood.
struct Draft {
  std::vector<std::string> positionals;
  std::vector<OptionWord> words;
  std::string mount_namespace;
  bool help = false, version = false, dry_run = false;
  bool foreground = false, verbose = false, sloppy = false;
};

/// Walks over argv once; wipes secrets as it passes them.
class Reader {
 public:
  Reader(std::span<char*> arguments, bool helper) : arguments_(arguments), helper_(helper) {}

  Draft read() {
    bool only_positionals = false;
    while (next_ < arguments_.size()) {
      char* text = arguments_[next_++];
      const std::string_view word(text);
      if (only_positionals || word.size() < 2 || word.front() != '-') {
        draft_.positionals.emplace_back(word);
      } else if (word == "--") {
        only_positionals = true;
      } else if (word.starts_with("--")) {
        read_long(text);
      } else {
        read_letters(text + 1);
      }
    }
    return std::move(draft_);
  }

 private:
  char* take_argument(const std::string& option) {
    if (next_ == arguments_.size()) misuse(fmt::format("{} needs a value", option));
    return arguments_[next_++];
  }

  void read_letters(char* letters) {
    for (; *letters != '\0'; ++letters) {
      if (*letters == 'f') {
        act(helper_ ? "fake" : "foreground", nullptr);
        continue;
      }
      const Switch* known = find_switch(*letters);
      if (known == nullptr) misuse(fmt::format("unknown option -{}", *letters), usage_hint());
      if (known->value_word.empty()) {
        act_on(*known, nullptr);
        continue;
      }
      char* value = letters + 1;
      if (*value == '\0') value = take_argument(fmt::format("-{}", *letters));
      act_on(*known, value);
      return;
    }
  }

  void read_long(char* text) {
    const std::string_view word = std::string_view(text).substr(2);
    const auto equals = word.find('=');
    const std::string name(word.substr(0, equals));
    char* value = equals == std::string_view::npos ? nullptr : text + 2 + equals + 1;
    if (const Switch* known = find_switch(std::string_view(name))) {
      if (known->value_word.empty() && value != nullptr) {
        misuse(fmt::format("--{} takes no value", name));
      }
      if (!known->value_word.empty() && value == nullptr) value = take_argument("--" + name);
      act_on(*known, value);
      return;
    }
    const OptionMatch match = find_option(name);
    const bool flag = match.option == nullptr || match.option->kind == OptionKind::kFlag;
    if (!flag && value == nullptr) value = take_argument("--" + name);
    if (value == nullptr) {
      draft_.words.push_back({name, std::nullopt});
      return;
    }
    draft_.words.push_back({name, std::string(value)});
    if (is_secret_option(name))
      std::ranges::fill(value, value + std::string_view(value).size(), 'x');
  }

  void act_on(const Switch& known, char* value) {
    if (known.letter == 'o') {
      // Copied, and wiped, before a mistake in the list can end the program.
      const std::string list(value);
      wipe_secrets(std::span<char>(value, list.size()));
      for (OptionWord& word : split_options(list)) draft_.words.push_back(std::move(word));
    } else if (known.letter == 'r' || known.letter == 'w') {
      draft_.words.push_back({known.letter == 'r' ? "ro" : "rw", std::nullopt});
    } else if (known.letter == 'd') {
      draft_.foreground = true;
      draft_.words.push_back({"log-level", "debug"});
    } else {
      act(known.name, value);
    }
  }

  /// -n and -t have no name and no effect.
  void act(std::string_view name, const char* value) {
    if (name == "namespace") draft_.mount_namespace = value;
    draft_.foreground |= name == "foreground";
    draft_.dry_run |= name == "fake";
    draft_.verbose |= name == "verbose";
    draft_.sloppy |= name == "sloppy";
    draft_.help |= name == "help";
    draft_.version |= name == "version";
  }

  std::string usage_hint() const { return helper_ ? "mount.glancefs --help" : "glancefs --help"; }

  std::span<char*> arguments_;
  const bool helper_;
  std::size_t next_ = 0;
  Draft draft_;
};

/// The cloud that SOURCE means. mount(8) makes an absolute path of it when a file of that name lies
/// in its directory, hence the last part; a trailing colon keeps it from doing so.
std::string cloud_of(const std::string& source) {
  if (source == "none" || source == "-" || source == "glancefs") return {};
  std::string name = source.starts_with('/') ? source.substr(source.rfind('/') + 1) : source;
  if (name.ends_with(':')) name.pop_back();
  return name;
}

Options base_options(const std::string& program, const Draft& draft, const std::string& directory) {
  Options options = default_options();
  options.program = program;
  options.foreground = draft.foreground;
  options.verbose = draft.verbose;
  options.sloppy = draft.sloppy;
  if (!draft.mount_namespace.empty()) {
    options.mount_namespace = absolute_path(draft.mount_namespace, directory);
  }
  if (draft.positionals.size() == 2) {
    options.source = draft.positionals.front();
    options.cloud = cloud_of(options.source);
  }
  options.mount_point = absolute_path(draft.positionals.back(), directory);
  return options;
}

/// mount.fuse3 adds "dev,suid" of its own accord; nobody asked for them.
void drop_unasked_words(std::vector<OptionWord>& words) {
  std::erase_if(words,
                [](const OptionWord& word) { return word.name == "dev" || word.name == "suid"; });
}

void check_positionals(const Draft& draft, const std::string& program, bool called_by_fuse) {
  const std::string usage = is_mount_helper(program) ? program + " [CLOUD] DIR [-o OPTIONS]"
                                                     : "glancefs mount [CLOUD] DIR [-o OPTIONS]";
  const auto count = draft.positionals.size();
  if (called_by_fuse && count == 1) {
    const std::string& word = draft.positionals.front();
    misuse(fmt::format("unknown command \"{}\"", word), "glancefs --help");
  }
  if (count == 0 || draft.positionals.back().empty()) misuse("no mount point given", usage);
  if (count > 2) misuse(fmt::format("unexpected \"{}\"", draft.positionals[2]), usage);
}

}  // namespace

bool is_mount_helper(std::string_view program) { return program.starts_with("mount."); }

std::string program_name(std::span<char* const> arguments) {
  if (arguments.empty()) return "glancefs";
  const std::string_view path(arguments.front());
  return std::string(path.substr(path.rfind('/') + 1));
}

CommandLine parse_command_line(std::span<char*> arguments, const Environment& environment,
                               const std::string& directory, const ConfigReader& read_config) {
  const std::string program = program_name(arguments);
  const bool helper = is_mount_helper(program);
  auto rest = arguments.subspan(arguments.empty() ? 0 : 1);
  const std::string_view command = helper || rest.empty() ? "" : rest.front();
  if (command == "help") return {Action::kHelp, {}, {}, {}};
  if (command == "version") return {Action::kVersion, {}, {}, {}};
  const bool called_by_fuse = !helper && command != "mount";
  if (command == "mount") rest = rest.subspan(1);

  Draft draft = Reader(rest, helper).read();
  if (draft.help) return {Action::kHelp, {}, {}, {}};
  if (draft.version) return {Action::kVersion, {}, {}, {}};
  check_positionals(draft, program, called_by_fuse);
  if (called_by_fuse) drop_unasked_words(draft.words);
  if (std::ranges::find(draft.words, "remount", &OptionWord::name) != draft.words.end()) {
    // What the words mean shows only beside what is mounted.
    const Action action = draft.dry_run ? Action::kDryRun : Action::kRemount;
    return {action, base_options(program, draft, directory), std::move(draft.words), {}};
  }
  ParsedOptions parsed = effective_options(base_options(program, draft, directory), draft.words,
                                           environment, directory, read_config);
  return {draft.dry_run ? Action::kDryRun : Action::kMount,
          std::move(parsed.options),
          {},
          std::move(parsed.warnings)};
}

std::string version_text() { return "glancefs " GLANCEFS_VERSION "\n"; }

std::string dry_run_text(const Options& options) {
  return fmt::format("{}: would mount {} on {} ({})\n", options.program,
                     options.cloud.empty() ? "the default cloud" : options.cloud,
                     options.mount_point, options.read_only ? "ro" : "rw");
}

}  // namespace glancefs::fs
