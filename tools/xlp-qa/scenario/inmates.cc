// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/inmates.h"

#include "payload/base/file.h"

#include <algorithm>
#include <charconv>
#include <elf.h>
#include <fmt/format.h>
#include <regex>
#include <sstream>

namespace xlp::qa {

namespace {

Finding usage(const std::string& why) {
    return wrong_usage(why,
                       "Give --guest FILE[,kind=pv|pvh|hvm][,number=N][,memory=MIB][,vcpus=N].");
}

bool set_number(const std::string& text, unsigned& number) {
    const char* end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && at == end && number > 0 && number <= 4096;
}

} // namespace

Result<Inmate> parse_inmate(const std::string& text) {
    std::istringstream words(text);
    std::string file;
    std::getline(words, file, ',');
    Inmate g;
    for (std::string word; std::getline(words, word, ',');) {
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string key = word.substr(0, equals);
        const std::string value = word.substr(std::min(equals + 1, word.size()));
        const bool ok = key == "kind"
                            ? (g.kind = value, value == "pv" || value == "pvh" || value == "hvm")
                        : key == "number" ? set_number(value, g.number)
                        : key == "memory" ? set_number(value, g.memory_mib)
                        : key == "vcpus"  ? set_number(value, g.vcpus)
                                          : false;
        if (!ok)
            return fail(usage(fmt::format("`{}' is not a valid guest setting.", word)));
    }
    auto kernel = read_text(file);
    if (!kernel)
        return fail(kernel);
    g.kernel = std::move(*kernel);
    if (!g.kernel.starts_with(ELFMAG) || g.kernel.size() <= EI_CLASS)
        return fail(bad_input("qa.not-guest", "This is not an ELF file.", {}, {file, {}, {}, 0}));
    if (g.kind.empty())
        g.kind = g.kernel[EI_CLASS] == ELFCLASS64 ? "pv" : "pvh";
    return g;
}

void add_inmates(Scenario& s, const std::vector<Inmate>& inmates) {
    for (std::size_t i = 0; i < inmates.size(); ++i) {
        const Inmate& g = inmates[i];
        const std::string file = fmt::format("xlp/guests/{}", i);
        s.files.push_back(regular_file(file, g.kernel));
        for (unsigned n = 0; n < g.number; ++n)
            s.steps.push_back({fmt::format("start {} guest", g.kind), "guest", g.kind,
                               fmt::format("$GUEST start {} /{} memory={} vcpus={}", g.kind, file,
                                           g.memory_mib, g.vcpus)});
    }
    if (inmates.empty())
        return;
    s.steps.push_back(inmates_check("start")); // forgets what their start took
    Step idle = inmates_check("idle");
    idle.command = "sleep 1; " + idle.command;
    s.steps.push_back(std::move(idle));
}

Step inmates_check(const std::string& when) {
    return {"guests after " + when, "guests", when, "$GUEST check"};
}

Step inmates_end() {
    return {"end of guests", "guest", {}, "$GUEST destroy"};
}

std::optional<double> longest_pause(std::string_view output) {
    static const std::regex pause(R"(longest pause ([0-9.]+) ms)");
    std::optional<double> longest;
    const std::string text(output);
    for (std::sregex_iterator it(text.begin(), text.end(), pause), none; it != none; ++it)
        longest = std::max(longest.value_or(0), std::stod((*it)[1]));
    return longest;
}

std::optional<double> longest_pause(const Outcome& o, const std::string& verb) {
    std::optional<double> longest;
    for (const StepResult& s : o.steps)
        if (s.step.verb == "guests" && s.step.subject.starts_with(verb))
            if (auto p = longest_pause(s.output))
                longest = std::max(longest.value_or(0), *p);
    return longest;
}

} // namespace xlp::qa
