// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/xtf.h"

#include "payload/base/file.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <regex>

namespace xlp::qa {

namespace {

constexpr unsigned guest_seconds = 60;

// Faults of QEMU's emulation, seen alike in 7.2 and 10.0: the test says nothing of the hypervisor.
struct Untestable {
    const char* name;
    const char* environments; // they begin so; "" is all
    const char* why;
};
constexpr Untestable untestable[] = {
    {"xsa-213", "pv", "the error code of int n"},
    {"xsa-298", "pv", "the error code of int n"},
    {"xsa-339", "pv", "the error code of int n"},
    {"xsa-260", "", "when #DB is raised"},
    {"xsa-265", "", "when #DB is raised"},
    {"xsa-308", "", "when #DB is raised"},
    {"xsa-444", "", "there is no DBEXT"},
    {"xsa-451", "", "#XM is not raised"},
    {"xsa-470", "", "#XM is not raised"},
    {"swint-emulation", "", "the error code of int n"},
    {"selftest", "pv", "the error code of int n"}, // how PV user mode gets back
    {"cpuid-faulting", "pv", "the error code of int n"},
    {"pv-iopl", "pv", "the error code of int n"},
    {"memop-seg", "", "segment limits"},
    {"fpu-exception-emulation", "", "#MF and #XM are not raised"},
};

// HVM_PARAM_VIRIDIAN's bits (xen/include/public/hvm/params.h), as libxl sets them for the words of
// an xl configuration.
unsigned viridian_bits(const std::string& value) {
    if (value == "1")
        return 1 | 1 << 2 | 1 << 5 | 1 << 6; // libxl's defaults
    const std::pair<const char*, unsigned> words[] = {
        {"\"base\"", 1 | 1 << 1},      {"\"time_ref_count\"", 1 << 2},
        {"\"reference_tsc\"", 1 << 3}, {"\"hcall_remote_tlb_flush\"", 1 << 4},
        {"\"apic_assist\"", 1 << 5},   {"\"crash_ctl\"", 1 << 6},
        {"\"synic\"", 1 << 7},         {"\"stimer\"", 1 << 2 | 1 << 7 | 1 << 8},
        {"\"hcall_ipi\"", 1 << 9}};
    unsigned bits = 0;
    for (const auto& [word, mask] : words)
        if (value.find(word) != std::string::npos)
            bits |= mask;
    if (value.find("\"freq\"") != std::string::npos)
        bits &= ~(1u << 1);
    return bits;
}

Finding malformed(const fs::path& file) {
    return bad_input("qa.xtf-malformed", "This is not the description of an XTF test.",
                     "Build XTF again (make).", {file.string(), {}, {}, 0});
}

// One test of the tree, with each of its environments.
Result<void> append_tests(const fs::path& folder, std::vector<XtfTest>& all) {
    auto text = read_text(folder / "info.json");
    if (!text)
        return fail(text);
    const auto info = nlohmann::json::parse(*text, nullptr, false);
    auto words = [&](const char* key) {
        std::vector<std::string> list;
        if (info.contains(key) && info[key].is_array())
            for (const auto& word : info[key])
                if (word.is_string())
                    list.push_back(word.get<std::string>());
        return list;
    };
    if (!info.is_object() || words("environments").empty())
        return fail(malformed(folder / "info.json"));
    std::vector<std::string> variations = words("variations");
    if (variations.empty())
        variations.push_back("");
    for (const std::string& environment : words("environments"))
        for (const std::string& variation : variations) {
            XtfTest t;
            t.name = folder.filename();
            t.environment = environment;
            t.variation = variation.empty() ? "" : "~" + variation;
            t.kind = environment.starts_with("pv") ? "pv" : "hvm";
            const std::string file = fmt::format("test-{}-{}", environment, t.name);
            t.image = folder / file;
            if (auto config = read_text(folder / (file + t.variation + ".cfg")))
                read_xtf_config(*config, t);
            all.push_back(std::move(t));
        }
    return {};
}

bool is_wanted(const XtfTest& t, const std::string& name, const std::string& environment) {
    return (name == t.name || name == t.name + t.variation)
           && (environment.empty() || environment == t.environment);
}

} // namespace

void read_xtf_config(const std::string& text, XtfTest& t) {
    static const std::regex setting(R"((^|\n)[ \t]*(\w+)[ \t]*=[ \t]*([^\n#]*))");
    static const std::regex words(R"x("([\w =,.:/-]*)")x"); // which no shell minds
    std::smatch match;
    for (std::sregex_iterator it(text.begin(), text.end(), setting), none; it != none; ++it) {
        const std::string key = (*it)[2];
        std::string value = (*it)[3];
        value.erase(value.find_last_not_of(" \t\r") + 1);
        const auto number = static_cast<unsigned>(strtoul(value.c_str(), nullptr, 0));
        if (key == "vcpus" && number)
            t.vcpus = number;
        else if (key == "hap")
            t.hap = number;
        else if (key == "nestedhvm")
            t.nested = number;
        else if (key == "max_event_channels" && number)
            t.event_channels = number;
        else if (key == "viridian")
            t.viridian = viridian_bits(value);
        else if (key == "cmdline" && std::regex_match(value, match, words))
            t.command_line = match[1];
    }
}

Result<std::vector<XtfTest>> find_xtf_tests(const fs::path& tree,
                                            const std::vector<std::string>& wanted) {
    std::vector<fs::path> folders;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(tree / "tests", error))
        if (fs::exists(entry.path() / "info.json"))
            folders.push_back(entry.path());
    if (folders.empty())
        return fail(bad_input("qa.no-xtf", "This is not a built XTF tree.",
                              "Use an XTF tree in which make has run.",
                              {tree.string(), {}, {}, 0}));
    std::sort(folders.begin(), folders.end());
    std::vector<XtfTest> all;
    for (const fs::path& folder : folders)
        if (auto added = append_tests(folder, all); !added)
            return fail(added);
    if (wanted.empty())
        return all;
    std::vector<XtfTest> chosen;
    for (const std::string& w : wanted) {
        const std::size_t colon = std::min(w.find(':'), w.size());
        const std::string name = w.substr(0, colon);
        std::string environment = w.substr(std::min(colon + 1, w.size()));
        const bool pvh = environment.starts_with("pvh");
        if (pvh)
            environment.replace(0, 3, "hvm");
        const std::size_t before = chosen.size();
        for (XtfTest t : all)
            if (is_wanted(t, name, environment)) {
                if (pvh) {
                    t.kind = "pvh";
                    t.environment.replace(0, 3, "pvh");
                }
                chosen.push_back(std::move(t));
            }
        if (chosen.size() == before)
            return fail(bad_input("qa.no-test", fmt::format("XTF has no test `{}'.", w), {},
                                  {tree.string(), {}, {}, 0}));
    }
    return chosen;
}

const char* to_string(XtfEnd end) {
    constexpr const char* words[] = {"SUCCESS", "SKIP", "ERROR", "FAILURE",
                                     "crash",   "hang", "died",  "unknown"};
    return words[static_cast<int>(end)];
}

Step xtf_step(const XtfTest& t, std::size_t number, const std::string& state) {
    return {fmt::format("{} {}", t.label(), state), "xtf", state,
            fmt::format("$GUEST run {} /xlp/xtf/{} memory=16 vcpus={} hap={} nested={} viridian={} "
                        "event-channels={} seconds={}{}",
                        t.kind, number, t.vcpus, int(t.hap), int(t.nested), t.viridian,
                        t.event_channels, guest_seconds,
                        t.command_line.empty() ? "" : " cmdline='" + t.command_line + "'"),
            false};
}

Member xtf_file(const XtfTest&, std::size_t number, std::string bytes) {
    return regular_file(fmt::format("xlp/xtf/{}", number), std::move(bytes));
}

XtfSeen xtf_seen(const Outcome& o, const std::string& name) {
    XtfSeen seen;
    auto s = std::find_if(o.steps.begin(), o.steps.end(),
                          [&](const StepResult& r) { return r.step.name == name; });
    if (s == o.steps.end() || s->verdict == Verdict::skipped) {
        seen.why = "it was not run";
        return seen;
    }
    seen.console = s->output;
    seen.log = s->log;
    if (s->verdict == Verdict::died && o.death) {
        const DeathKind kind = o.death->kind;
        seen.end = kind == DeathKind::hang                                ? XtfEnd::hang
                   : kind == DeathKind::panic || kind == DeathKind::reset ? XtfEnd::died
                                                                          : XtfEnd::unknown;
        seen.why = o.death->reason + (o.death->place.empty() ? "" : ", at " + o.death->place);
        return seen;
    }
    static const std::regex result(R"(Test result: (SUCCESS|SKIP|ERROR|FAILURE))");
    static const std::regex end(R"(\nend: (\w+))");
    std::smatch match;
    if (std::regex_search(s->output, match, result)) {
        for (XtfEnd e : {XtfEnd::success, XtfEnd::skip, XtfEnd::error, XtfEnd::failure})
            if (match[1] == to_string(e))
                seen.end = e;
    } else if (std::regex_search(s->output, match, end)) {
        seen.end = match[1] == "none" ? XtfEnd::hang : XtfEnd::crash;
        seen.why = match[1] == "none"
                       ? fmt::format("the guest did not end in {} s", guest_seconds)
                       : fmt::format("the guest ended with reason {}", match[1].str());
    } else {
        const std::size_t at = s->output.find("error: ");
        seen.why = at == std::string::npos
                       ? "it could not be started"
                       : s->output.substr(at + 7, s->output.find('\n', at) - at - 7);
        // as much a part of the hypervisor that is not there as what a test skips for
        if (seen.why.find("x86_32p not supported by xen kernel") != std::string::npos) {
            seen.end = XtfEnd::skip;
            seen.why = "this hypervisor has no PV guests of 32 bits (CONFIG_PV32)";
        }
    }
    return seen;
}

std::string not_testable(const XtfTest& t, const std::string& accelerator) {
    if (accelerator != "tcg")
        return {};
    if (t.environment == "hvm32pae" && t.hap)
        return "PAE paging below nested paging";
    for (const Untestable& u : untestable)
        if (t.name == u.name && t.environment.starts_with(u.environments))
            return u.why;
    return {};
}

bool is_vulnerable(XtfEnd end) {
    return end == XtfEnd::failure || end == XtfEnd::hang || end == XtfEnd::died;
}

} // namespace xlp::qa
