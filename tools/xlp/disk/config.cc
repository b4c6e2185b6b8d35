// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/config.h"

#include "payload/base/file.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <fmt/format.h>
#include <toml++/toml.h>

namespace xlp::host {
namespace {

class Reader {
public:
    explicit Reader(std::filesystem::path file) : file_(std::move(file)) {}

    void read(const toml::table& table, Config& c) {
        for (const auto& [key, value] : table) {
            const std::string_view k = key.str();
            if (k == "signatures")
                policy(value, c.signatures);
            else if (k == "keys")
                folder(k, value, c.keys);
            else if (k == "store")
                folder(k, value, c.store);
            else if (k == "sync-at-boot")
                flag(k, value, c.sync_at_boot);
            else
                wrong(value, fmt::format("There is no setting `{}'.", k));
        }
    }

    void wrong(const toml::node& n, std::string why) { wrong(n.source(), std::move(why)); }
    void wrong(const toml::source_region& at, std::string why) {
        findings_.push_back(bad_input("config.malformed", std::move(why),
                                      "xlp.conf(5) has every setting.",
                                      {{}, {}, file_, at.begin.line}));
    }
    const Findings& findings() const { return findings_; }

private:
    void policy(const toml::node& n, Policy& to) {
        const std::string word = n.value_or(std::string());
        if (word == "require")
            to = Policy::require;
        else if (word == "warn")
            to = Policy::warn;
        else if (word == "off")
            to = Policy::off;
        else
            wrong(n, "`signatures' is \"require\", \"warn\" or \"off\".");
    }
    void folder(std::string_view key, const toml::node& n, std::filesystem::path& to) {
        const std::string path = n.value_or(std::string());
        if (path.empty() || path[0] != '/')
            wrong(n, fmt::format("`{}' is not an absolute path in quotes.", key));
        else
            to = path;
    }
    void flag(std::string_view key, const toml::node& n, bool& to) {
        if (!n.is_boolean())
            wrong(n, fmt::format("`{}' is true or false.", key));
        else
            to = n.value_or(to);
    }

    std::filesystem::path file_;
    Findings findings_;
};

} // namespace

const char* to_string(Policy p) {
    switch (p) {
    case Policy::require:
        return "require";
    case Policy::warn:
        return "warn";
    case Policy::off:
        break;
    }
    return "off";
}

Result<Config> read_config(const std::filesystem::path& file) {
    auto text = read_text_if_there(file);
    if (!text)
        return fail(text);
    Config config;
    if (!*text)
        return config;
    toml::parse_result parsed = toml::parse(**text, file.string());
    Reader reader(file);
    if (!parsed)
        reader.wrong(parsed.error().source(),
                     fmt::format("This is not TOML: {}.", parsed.error().description()));
    else
        reader.read(parsed.table(), config);
    if (has_errors(reader.findings()))
        return fail(reader.findings());
    return config;
}

} // namespace xlp::host
