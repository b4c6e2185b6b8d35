// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/plan/preflight.h"

#include "payload/elf/note.h"
#include "payload/manifest/records.h"
#include "payload/xen/abi.h"
#include "payload/xen/contract.h"
#include "tools/xlp/hypervisor/names.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::host {
namespace {

class Check {
public:
    Check(const Bundle& b, const std::string& name, const Situation& s)
        : bundle_(b), name_(name), host_(s), at_{b.file, {}, {}, 0} {}

    Findings run() {
        if (auto ok = check_new_name(name_); !ok)
            append(findings_, ok.error());
        if (bundle_.blob->bytes.size() > payload_limit)
            refuse("preflight.size",
                   fmt::format("The payload has {} bytes; the hypervisor accepts {}.",
                               bundle_.blob->bytes.size(), payload_limit),
                   "Build it without debug sections.");
        hypervisor();
        contents();
        presence();
        order();
        return std::move(findings_);
    }

private:
    void refuse(const char* code, std::string why, std::string remedy) {
        findings_.push_back(refusal(code, std::move(why), std::move(remedy), at_));
    }

    bool before_4_14() const { return host_.xen.major == 4 && host_.xen.minor < 14; }

    void hypervisor() {
        const std::string& wanted = bundle_.about.xen_build_id;
        if (host_.xen.build_id.empty())
            refuse("preflight.no-build-id",
                   "The running hypervisor has no build-id, so no payload fits it.",
                   "Boot a Xen that was linked with --build-id.");
        else if (wanted.empty() && !before_4_14())
            refuse("preflight.no-xen-id",
                   "The payload does not say which hypervisor it is for "
                   "(.livepatch.xen_depends).",
                   "Build it with `xlp-build payload'.");
        else if (!wanted.empty() && wanted != host_.xen.build_id)
            refuse(
                "preflight.other-xen",
                fmt::format("The payload is for the hypervisor with build-id {}; this one is {}.",
                            wanted, host_.xen.build_id),
                "Build or download the payload for the running hypervisor.");
    }

    void contents() {
        const auto& object = bundle_.blob->object; // read_bundle() takes nothing else
        if (object->type() != ET_REL)
            refuse("preflight.type", "The payload is a linked file, not an object file.",
                   "Use a payload built by `xlp-build payload'.");
        const elf::Section* funcs = object->section(".livepatch.funcs");
        const bool hooks = std::any_of(
            object->sections().begin(), object->sections().end(),
            [](const elf::Section& s) { return s.name.starts_with(".livepatch.hooks."); });
        if (!funcs && (!hooks || before_4_14())) {
            refuse("preflight.no-functions", "The payload replaces no function.", {});
            return;
        }
        const xen::Version version{host_.xen.major, host_.xen.minor, 0};
        append(findings_, check_silent_faults(*object, host_.xen, host_.init, at_));
        if (!funcs)
            return;
        const std::size_t expected =
            xen::abi::function_size(xen::has(version, xen::Feature::records_v2) ? 2 : 1);
        const std::size_t found = manifest::record_size(*object);
        if (!found)
            refuse("preflight.records", "The payload's function records are malformed.",
                   "Build it again.");
        else if (found != expected)
            refuse("preflight.records",
                   fmt::format("The payload's function records have {} bytes; Xen {} expects {}.",
                               found, host_.xen.version(), expected),
                   "Build it for this version of Xen.");
    }

    void presence() {
        for (const Situation::Below& p : host_.payloads) {
            if (p.name == name_)
                refuse("preflight.name-taken",
                       fmt::format("A payload named {} is already loaded.", printable(name_)),
                       "Unload it, or rename the file.");
            else if (!p.build_id.empty() && p.build_id == bundle_.about.build_id)
                refuse(
                    "preflight.there",
                    fmt::format("This exact payload is already loaded, as {}.", printable(p.name)),
                    "If it is not applied, use `xlp apply'.");
        }
    }

    void order() {
        if (host_.nodeps || !host_.order_known)
            return;
        const Situation::Below* top = nullptr;
        for (const Situation::Below& p : host_.payloads)
            if (p.applied)
                top = &p;
        const std::string& below = top ? top->build_id : host_.xen.build_id;
        if (below.empty() || bundle_.about.depends == below)
            return;
        std::string what = bundle_.about.depends;
        for (const Situation::Below& p : host_.payloads)
            if (p.build_id == what)
                what = printable(p.name) + (p.applied ? ", which is not topmost" : ", not applied");
        if (what == host_.xen.build_id)
            what = "the bare hypervisor";
        refuse("preflight.order",
               fmt::format("The payload depends on {}; the topmost is {}.", what,
                           top ? printable(top->name) : "the bare hypervisor"),
               "Apply what it depends on first, use replace for a cumulative payload, or --nodeps "
               "to skip this check.");
    }

    const Bundle& bundle_;
    const std::string& name_;
    const Situation& host_;
    Where at_;
    Findings findings_;
};

} // namespace

Findings check_silent_faults(const elf::Object& payload, const Identity& xen,
                             const std::optional<InitCode>& init, const Where& at) {
    Findings findings;
    const xen::Version version{xen.major, xen.minor, 0};
    for (const elf::Section& s : payload.sections())
        if (s.name.starts_with(".livepatch.hooks.") && !xen::runs_hooks(version, s.name))
            findings.push_back(refusal("preflight.hooks",
                                       fmt::format("Xen {} does not run the hooks in {}: part of "
                                                   "the fix would be missing.",
                                                   xen.version(), s.name),
                                       "Build the payload for this version of Xen.", at));
    if (!init)
        findings.push_back(note("preflight.no-symbols",
                                "dom0 does not show the hypervisor's symbols, so whether the "
                                "payload replaces boot-only code was not checked.",
                                "Mount xenfs: `mount -t xenfs xenfs /proc/xen'.", at));
    for (const manifest::ReplacedFunction& f : manifest::replaced_functions(payload)) {
        const std::string& name = f.old_symbol.empty() ? f.name : f.old_symbol;
        if (!init || !(f.old_address ? init->has(f.old_address) : init->has(name)))
            continue;
        findings.push_back(
            refusal("preflight.init",
                    fmt::format("The payload replaces {}, which runs only while Xen boots. Its "
                                "memory has been reused since.",
                                f.old_address ? fmt::format("the code at {:#x}", f.old_address)
                                              : printable(name)),
                    "This part of the fix requires a reboot into a fixed hypervisor.", at));
    }
    return findings;
}

Findings preflight(const Bundle& b, const std::string& name, const Situation& s) {
    return Check(b, name, s).run();
}

} // namespace xlp::host
