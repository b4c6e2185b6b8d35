// SPDX-License-Identifier: GPL-2.0-only
#include "tools/common/base.h"

#include "payload/base/file.h"
#include "payload/base/json.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xlp {

namespace fs = std::filesystem;

namespace {

using Strings = std::vector<std::string>;

Finding fault(const char* code, std::string why, std::string remedy, const fs::path& file) {
    return bad_input(code, std::move(why), std::move(remedy), {file.string(), {}, {}, 0});
}

Result<Base> read_manifest(const fs::path& folder) {
    const fs::path file = folder / "base.json";
    auto j = read_json_if_there(file);
    if (!j)
        return fail(j);
    if (!*j)
        return fail(fault("base.missing", "This directory is not a base: it has no base.json.",
                          "`xlp-build base list' lists the existing bases.", folder));
    Base b;
    b.folder = folder;
    try {
        const Json& d = **j;
        if (d.at("base") != 1)
            return fail(fault("base.malformed", "Its format version is not 1.", {}, file));
        b.name = d.at("name").get<std::string>();
        b.branch = d.at("branch").get<std::string>();
        b.version = d.at("version").get<std::string>();
        b.build_id = d.at("build_id").get<std::string>();
        b.revision = d.value("revision", "");
        b.cc = d.at("cc").get<std::string>();
        b.make = d.value("make", Strings{});
        b.compiler = d.value("compiler", "");
        b.files = d.at("files").get<std::map<std::string, std::string>>();
        b.sha256 = d.at("sha256").get<std::map<std::string, std::string>>();
    } catch (const nlohmann::json::exception& e) {
        return fail(fault("base.malformed", fmt::format("The manifest is damaged: {}.", e.what()),
                          "Add the base again.", file));
    }
    return b;
}

bool given(const Strings& words, const std::string& option) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& w) {
        return w == option || w.starts_with(option + "=");
    });
}

// Takes `--base NAME` or `--base=NAME` out; empty if it is not there.
std::string take_base(Strings& words) {
    constexpr std::string_view equals = "--base=";
    for (auto it = words.begin(); it != words.end() && *it != "--"; ++it) {
        std::string name;
        if (it->starts_with(equals))
            name = it->substr(equals.size());
        else if (*it == "--base" && it + 1 != words.end())
            name = *(it + 1);
        else
            continue;
        words.erase(it, it + (*it == "--base" ? 2 : 1));
        return name;
    }
    return {};
}

} // namespace

bool is_base_name(const std::string& name) {
    return !name.empty() && name.size() < 100 && name.front() != '.'
           && std::all_of(name.begin(), name.end(), [](unsigned char c) {
                  return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '+';
              });
}

fs::path bases_folder() {
    if (const char* set = std::getenv("XLP_BASES"); set && *set)
        return fs::absolute(set);
    if (const char* data = std::getenv("XDG_DATA_HOME"); data && *data)
        return fs::path(data) / "xlp/bases";
    const char* home = std::getenv("HOME");
    return fs::path(home ? home : ".") / ".local/share/xlp/bases";
}

Result<Base> open_base(const std::string& given) {
    std::error_code ignored;
    if (given.find('/') != given.npos || fs::exists(fs::path(given) / "base.json", ignored))
        return read_manifest(fs::absolute(given).lexically_normal());
    const fs::path folder = bases_folder() / given;
    if (!is_base_name(given) || !fs::is_directory(folder, ignored))
        return fail(fault("base.missing", fmt::format("There is no base named `{}'.", given),
                          "`xlp-build base list' lists the existing bases.", bases_folder()));
    return read_manifest(folder);
}

std::vector<std::string> base_names() {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(bases_folder(), error), end; !error && it != end;
         it.increment(error))
        if (fs::exists(it->path() / "base.json", error) && is_base_name(it->path().filename()))
            names.push_back(it->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

Result<Strings> expand_base(Strings words, const std::map<std::string, std::string>& files) {
    const std::string name = take_base(words);
    if (name.empty())
        return words;
    auto base = open_base(name);
    if (!base)
        return fail(base);
    Strings more;
    for (const auto& [option, role] : files) {
        if (given(words, option))
            continue;
        const Strings values = role == "make" ? base->make
                               : role == "cc" ? Strings{base->cc}
                                              : Strings{base->path(role).string()};
        for (const std::string& value : values)
            if (!value.empty())
                more.insert(more.end(), {option, value});
    }
    words.insert(words.begin(), more.begin(), more.end());
    return words;
}

} // namespace xlp
