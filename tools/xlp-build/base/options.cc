// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/base/options.h"

#include "tools/xlp-build/base/base.h"

#include <algorithm>
#include <map>

namespace xlp::build {

namespace {

using Strings = std::vector<std::string>;

// What --base stands for, by verb: option and role.
const std::map<std::string, std::map<std::string, std::string>>& options_by_verb() {
    static const std::map<std::string, std::string> all = {
        {"--source", "source"}, {"--config", "config"}, {"--xen-syms", "xen_syms"}};
    static const std::map<std::string, std::string> source = {{"--source", "source"},
                                                              {"--config", "config"}};
    static const std::map<std::string, std::string> syms = {{"--xen-syms", "xen_syms"}};
    static const std::map<std::string, std::map<std::string, std::string>> verbs = {
        {"payload", all}, {"units", source}, {"diff", syms}, {"verify", syms}, {"report", syms}};
    return verbs;
}

bool given(const Strings& words, const std::string& option) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& w) {
        return w == option || w.starts_with(option + "=");
    });
}

} // namespace

cli::Verb with_base(cli::Verb v) {
    v.options.add_options()("base", cli::po::value<std::string>()->value_name("NAME|DIR"),
                            "a base (xlp-build base list): stands for the options that name its "
                            "files");
    return v;
}

Result<Strings> expand_base(Strings words) {
    if (words.size() < 2)
        return words;
    const auto verb = options_by_verb().find(words[1]);
    if (verb == options_by_verb().end())
        return words;
    std::string name;
    for (std::size_t i = 2; i < words.size() && words[i] != "--"; ++i) {
        std::size_t count = 0;
        if (words[i].starts_with("--base=")) {
            name = words[i].substr(7);
            count = 1;
        } else if (words[i] == "--base" && i + 1 < words.size()) {
            name = words[i + 1];
            count = 2;
        }
        if (!count)
            continue;
        words.erase(words.begin() + static_cast<std::ptrdiff_t>(i),
                    words.begin() + static_cast<std::ptrdiff_t>(i + count));
        break;
    }
    if (name.empty())
        return words;
    auto base = open_base(name);
    if (!base)
        return fail(base);
    Strings more;
    for (const auto& [option, role] : verb->second)
        if (!given(words, option) && base->has(role))
            more.insert(more.end(), {option, base->path(role).string()});
    if (verb->second.contains("--source") && !given(words, "--cc"))
        more.insert(more.end(), {"--cc", base->cc});
    words.insert(words.begin() + 2, more.begin(), more.end());
    return words;
}

} // namespace xlp::build
