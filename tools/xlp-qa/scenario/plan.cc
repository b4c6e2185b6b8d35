// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/scenario/plan.h"

#include "payload/base/file.h"
#include "payload/elf/object.h"
#include "tools/xlp-qa/scenario/guest.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace xlp::qa {

namespace fs = std::filesystem;

namespace {

constexpr char files_folder[] = "xlp/files";

// XEN_LIVEPATCH_NAME_SIZE (xen/include/public/sysctl.h) counts the terminating zero
constexpr std::size_t longest_name = 127;

std::string quoted(const std::string& word) {
    std::string s = "'";
    for (char c : word)
        if (c == '\'')
            s += "'\\''";
        else
            s += c;
    s += '\'';
    return s;
}

Finding bad_name(const std::string& name, const char* why) {
    return wrong_usage(fmt::format("`{}' is not a valid payload name: {}.", name, why),
                       "Rename the file: the payload's name is the file name without .livepatch.");
}

Step probe_step(const fs::path& probe, const std::string& state) {
    return {"probe " + state, "probe", state,
            fmt::format("cd /{} && ./{} {}", files_folder, quoted(probe.filename()), state), false};
}

// A file and the libraries that it needs, when it is a program of this machine.
Result<void> add_file(std::vector<Member>& members, const fs::path& file) {
    auto bytes = read_text(file);
    if (!bytes)
        return fail(bytes);
    auto libraries = shared_libraries(file);
    if (!libraries)
        return fail(libraries);
    for (Member& m : *libraries)
        members.push_back(std::move(m));
    members.push_back(regular_file(fmt::format("{}/{}", files_folder, file.filename().string()),
                                   std::move(*bytes), true));
    return {};
}

// Xen does not apply a payload again that has writable data of its own: safe_to_reapply, set in
// move_payload() of xen/common/livepatch.c. What is no object at all, the hypervisor shall judge.
bool brings_data(const Payload& p) {
    const auto object = elf::Object::parse({p.bytes.begin(), p.bytes.end()}, p.name);
    if (!object)
        return false;
    return std::any_of(object->sections().begin(), object->sections().end(), [](const auto& s) {
        return s.flags & SHF_ALLOC && s.flags & SHF_WRITE && s.size && s.name != ".livepatch.funcs";
    });
}

} // namespace

std::string guest_path(std::size_t payload) {
    return fmt::format("/xlp/payloads/{}", payload);
}

std::string payload_name(const fs::path& file) {
    return file.extension() == ".livepatch" ? file.stem() : file.filename();
}

Step upload_step(const std::string& name, const std::string& file) {
    return {"upload " + name, "upload", name,
            fmt::format("$XLP upload {} {}", quoted(name), quoted(file))};
}

Step raw_step(const std::string& verb, const std::string& name, const std::string& file) {
    return {verb + " " + name, verb, name,
            fmt::format("$XEN_LIVEPATCH {} {} {}", verb, quoted(name),
                        file.empty() ? "" : quoted(file))};
}

Step operation_step(const std::string& verb, const std::string& name) {
    return {verb + " " + name, verb, name, fmt::format("$XLP {} {}", verb, quoted(name))};
}

namespace {

// The steps, once all files are there.
void add_life(Scenario& s, const Plan& plan) {
    auto probe = [&](const char* state) {
        if (!plan.probe.empty())
            s.steps.push_back(probe_step(plan.probe, state));
    };
    auto operate = [&](Step step) {
        s.steps.push_back(std::move(step));
        if (!plan.inmates.empty())
            s.steps.push_back(inmates_check(s.steps.back().name));
    };
    add_inmates(s, plan.inmates);
    probe("before");
    for (unsigned cycle = 0; cycle < plan.cycles; ++cycle) {
        for (std::size_t i = 0; i < plan.payloads.size(); ++i) {
            // as on a host: the next is uploaded when the one below is applied; raw, because the
            // hypervisor shall judge, not xlp's own look at the file
            const bool again = cycle > 0 && brings_data(plan.payloads[i]);
            if (again)
                operate(operation_step("unload", plan.payloads[i].name));
            if (cycle == 0 || again)
                operate(raw_step("upload", plan.payloads[i].name, guest_path(i)));
            operate(operation_step("apply", plan.payloads[i].name));
        }
        probe("applied");
        for (std::size_t i = plan.payloads.size(); i-- > 0;)
            operate(operation_step("revert", plan.payloads[i].name));
        probe("reverted");
    }
    for (std::size_t i = plan.payloads.size(); i-- > 0;)
        operate(operation_step("unload", plan.payloads[i].name));
    if (!plan.inmates.empty())
        s.steps.push_back(inmates_end());
}

} // namespace

Result<Scenario> make_scenario(const Plan& plan) {
    Findings findings;
    Scenario s;
    std::set<std::string> names;
    if (plan.cycles == 0)
        findings.push_back(wrong_usage("A payload must be applied and reverted at least once.",
                                       "Use --cycles 1 or more."));
    for (std::size_t i = 0; i < plan.payloads.size(); ++i) {
        const Payload& p = plan.payloads[i];
        if (p.name.empty() || p.name.size() > longest_name)
            findings.push_back(bad_name(p.name, "names have 1 to 127 characters"));
        if (!names.insert(p.name).second)
            findings.push_back(bad_name(p.name, "two payloads have that name"));
        s.files.push_back(regular_file(guest_path(i).substr(1), p.bytes));
    }
    std::vector<fs::path> files = plan.files;
    if (!plan.probe.empty())
        files.push_back(plan.probe);
    for (const fs::path& file : files)
        if (auto added = add_file(s.files, file); !added)
            append(findings, added.error());
    if (has_errors(findings))
        return fail(std::move(findings));

    add_life(s, plan);
    return s;
}

} // namespace xlp::qa
