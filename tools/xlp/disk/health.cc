// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/disk/health.h"

#include "tools/common/process.h"
#include "tools/xlp/disk/strict.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

std::string last_line(const std::string& text) {
    const std::size_t end = text.find_last_not_of(" \n");
    if (end == text.npos)
        return {};
    const std::size_t begin = text.rfind('\n', end);
    return printable(std::string_view(text).substr(begin + 1, end - begin).substr(0, 200));
}

// Of an editor or a package manager.
bool is_left_over(const std::string& name) {
    static constexpr std::string_view ends[] = {
        "~", ",", ".bak", ".orig", ".rej", ".swp", ".rpmnew", ".rpmsave", ".rpmorig", ".cfsaved"};
    return name.starts_with(".") || name.find(".dpkg-") != name.npos
           || name.find(".ucf-") != name.npos
           || std::any_of(std::begin(ends), std::end(ends),
                          [&](std::string_view end) { return name.ends_with(end); });
}

Finding skipped(const fs::path& check, const char* why) {
    return warning("health.skipped", fmt::format("This health check is not run: it {}.", why),
                   "Make it executable, or remove it.", {check, {}, {}, 0});
}

Finding failed(const fs::path& check, const std::string& how) {
    return refusal("health.failed",
                   fmt::format("The health check failed after the apply: {}.", how),
                   "See what it found; xlp reverts what it applied.", {check, {}, {}, 0});
}

} // namespace

Result<Health> Health::read(const Paths& paths) {
    Health h;
    std::error_code ec;
    std::vector<fs::path> idle;
    for (const auto& e : fs::directory_iterator(paths.health(), ec)) {
        std::error_code gone;
        if (is_left_over(e.path().filename()) || e.is_directory(gone))
            continue;
        const bool runs = e.is_regular_file(gone) && ::access(e.path().c_str(), X_OK) == 0;
        (runs ? h.checks_ : idle).push_back(e.path());
    }
    if (ec && ec != std::errc::no_such_file_or_directory)
        return fail(environment(
            "file.unreadable", fmt::format("The health checks cannot be read: {}.", ec.message()),
            "Make this directory readable, or remove it.", {paths.health(), {}, {}, 0}));
    std::sort(h.checks_.begin(), h.checks_.end());
    std::sort(idle.begin(), idle.end());
    for (const fs::path& check : idle)
        h.notes_.push_back(skipped(check, fs::is_regular_file(check, ec)
                                              ? "is not executable"
                                              : "is not a file, or its link leads nowhere"));
    for (const fs::path& check : h.checks_)
        if (auto ours = only_ours(check); !ours)
            return fail(ours);
    return h;
}

Result<void> Health::run(const std::string& operation, const std::vector<std::string>& payloads,
                         std::chrono::milliseconds limit, const std::stop_token& stop) const {
    std::vector<std::string> names;
    names.reserve(payloads.size());
    for (const std::string& name : payloads)
        names.push_back(encode_name(name));
    Environment environment;
    environment.set("XLP_OPERATION", operation);
    environment.set("XLP_PAYLOADS", fmt::format("{}", fmt::join(names, " ")));
    for (const fs::path& check : checks_) {
        auto ran = run_command({.argv = {check}, .environment = environment, .limit = limit}, stop);
        if (!ran)
            return fail(ran);
        if (ran->timed_out)
            return fail(failed(check, fmt::format("it took longer than {} ms", limit.count())));
        const std::string said = last_line(ran->err.empty() ? ran->out : ran->err);
        if (ran->status != 0)
            return fail(failed(check, fmt::format("exit status {}{}{}", ran->status,
                                                  said.empty() ? "" : ", output: ", said)));
    }
    return {};
}

} // namespace xlp::host
