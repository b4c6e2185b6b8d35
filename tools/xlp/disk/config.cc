// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/config.h"

#include "payload/base/file.h"
#include "tools/xlp/disk/strict.h"
#include "tools/xlp/hypervisor/errors.h"

#include <charconv>

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
            else if (k == "rendezvous-limit")
                time(k, value, c.rendezvous, std::chrono::milliseconds(4294));
            else if (k == "settle-time")
                time(k, value, c.settle, std::chrono::hours(1));
            else if (k == "health-limit")
                time(k, value, c.health, std::chrono::hours(1));
            else
                wrong(value, fmt::format("Unknown setting `{}'.", k));
        }
    }

    void wrong(const toml::node& n, std::string why) { wrong(n.source(), std::move(why)); }
    void wrong(const toml::source_region& at, std::string why) {
        findings_.push_back(bad_input("config.malformed", std::move(why),
                                      "xlp.conf(5) lists the settings.",
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
    void time(std::string_view key, const toml::node& n, std::chrono::nanoseconds& to,
              std::chrono::nanoseconds most) {
        auto d = parse_duration(n.value_or(std::string()));
        if (!d || d->count() == 0 || *d > most)
            wrong(n, fmt::format("`{}' is not a time in quotes, such as \"30s\", of at most {} ms.",
                                 key, most / std::chrono::milliseconds(1)));
        else
            to = *d;
    }
    void flag(std::string_view key, const toml::node& n, bool& to) {
        if (!n.is_boolean())
            wrong(n, fmt::format("`{}' must be true or false.", key));
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

Result<std::chrono::nanoseconds> parse_duration(const std::string& text) {
    std::uint64_t n = 0;
    auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    const std::string unit(rest, text.data() + text.size());
    std::uint64_t scale = 0;
    if (unit.empty() || unit == "ms")
        scale = 1'000'000;
    else if (unit == "ns")
        scale = 1;
    else if (unit == "us")
        scale = 1'000;
    else if (unit == "s")
        scale = 1'000'000'000;
    else if (unit == "min")
        scale = 60'000'000'000;
    if (error != std::errc() || !scale || n > 3'600'000'000'000 / scale)
        return fail(wrong_usage(fmt::format("`{}' is not a time: a number with ns, us, ms, s or "
                                            "min, at most an hour.",
                                            text)));
    return std::chrono::nanoseconds(n * scale);
}

Result<Config> read_config(const std::filesystem::path& file) {
    if (auto ours = only_ours(file); !ours)
        return fail(ours);
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
