// SPDX-License-Identifier: GPL-2.0-only
// Build-ids: check_xen_buildid(), xen_build_id_dep(), parse_buildid() and its older open-coded form
// in prepare_payload(), build_id_dep() of xen/common/livepatch.c; xen_build_id_check() of
// xen/common/version.c.
#include "payload/base/bytes.h"
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

constexpr std::uint32_t gnu_build_id = 3;  // NT_GNU_BUILD_ID
constexpr std::uint64_t longest_id = 4096; // what is kept of one; no real one is as long

struct Note {
    int error = 0;
    std::uint64_t length = 0;
    elf::BuildId id;
};

Note parse_note(const Loading& l, std::uint32_t section) {
    const std::uint64_t size = l.section_header(section).sh_size;
    const Address at = l.sections[section].address;
    if (size <= sizeof(Elf64_Nhdr))
        return {-EINVAL, 0, {}};
    const auto n = l.machine.get<Elf64_Nhdr>(at);
    if (n.n_type != gnu_build_id)
        return {-ENODATA, 0, {}};
    const std::uint32_t sum = n.n_namesz + n.n_descsz; // wraps
    if (sum < n.n_namesz || n.n_namesz < 4)
        return {-EINVAL, 0, {}};
    if (sum > static_cast<std::uint32_t>(size) - sizeof n)
        return {-EINVAL, 0, {}};
    // strncmp(name, "GNU", namesz)
    const auto name = l.machine.get<std::array<char, 4>>(at + sizeof n);
    if (std::memcmp(name.data(), "GNU", 4) != 0)
        return {-ENODATA, 0, {}};
    if (!n.n_descsz)
        return {-EINVAL, 0, {}};
    Note note{0, n.n_descsz, Bytes(std::min<std::uint64_t>(n.n_descsz, longest_id))};
    const std::uint64_t name_size = (std::uint64_t{n.n_namesz} + 3) & ~3ULL;
    l.machine.read(at + sizeof n + name_size, note.id.data(), note.id.size());
    return note;
}

Refusal bad_note(const Loading& l, std::uint32_t section, int error, std::string log = {}) {
    return {error, "load.notes.malformed", std::move(log),
            "The section must begin with a GNU build-id note.", l.at_section(section)};
}

// parse_buildid(); nothing else came through before the rework than EINVAL
Step parse(const Loading& l, const char* name, elf::BuildId& id) {
    const std::uint32_t section = l.find_section(name);
    Note note = parse_note(l, section);
    if (note.error)
        return bad_note(l, section, l.rules.reworked_sections ? note.error : -EINVAL);
    id = std::move(note.id);
    return {};
}

const char* const other_build = "The payload is for another build of Xen: use the one for the "
                                "host's build-id (`xl info build_id').";

} // namespace

Step check_hypervisor_id(Loading& l) {
    const char* const name = ".livepatch.xen_depends";
    const std::uint32_t section = l.find_section(name);
    if (!section)
        return Refusal{-EINVAL,
                       "load.hypervisor-id.missing",
                       fmt::format("section {} is missing", name),
                       "Every payload needs the three build-id notes.",
                       {l.options.name, {}, {}, 0}};
    Note note = parse_note(l, section);
    if (note.error)
        return bad_note(
            l, section, -EINVAL,
            fmt::format("failed to parse section {} as build-id: {}", name, note.error));
    l.xen_depends = std::move(note.id);
    if (l.xen_depends == l.image.build_id())
        return {};
    return Refusal{-EINVAL, "load.hypervisor-id.mismatch",
                   fmt::format("build-id mismatch:\n  livepatch: {}\n        xen: {}",
                               hex(l.xen_depends), hex(l.image.build_id())),
                   other_build, l.at_section(section)};
}

Step check_old_hypervisor_id(Loading& l) {
    if (l.xen_depends == l.image.build_id())
        return {};
    return Refusal{-EINVAL, "load.hypervisor-id.mismatch",
                   "check against hypervisor build-id failed", other_build,
                   l.at_section(l.find_section(".livepatch.xen_depends"))};
}

Step prepare_notes(Loading& l) {
    Loaded& out = *l.result;
    if (Step refusal = parse(l, ".note.gnu.build-id", out.build_id))
        return refusal;
    for (const Loaded* other : l.options.below)
        if (other->build_id == out.build_id)
            return Refusal{
                -EEXIST,
                "load.notes.loaded-already",
                {},
                fmt::format("A payload with this build-id is loaded as `{}'.", other->name),
                l.at_section(l.find_section(".note.gnu.build-id"))};
    if (Step refusal = parse(l, ".livepatch.depends", out.depends))
        return refusal;
    if (l.rules.records_v2 && !l.rules.reworked_sections)
        return parse(l, ".livepatch.xen_depends", l.xen_depends);
    return {};
}

Step check_stack_dependency(Loading& l) {
    if (!l.options.check_stack_dependency)
        return {};
    const bool first = l.options.below.empty();
    const elf::BuildId& wanted = first ? l.image.build_id() : l.options.below.back()->build_id;
    const LoadingSection& note = l.sections[l.find_section(".livepatch.depends")];
    if (!note.placed && l.result->depends.size() == wanted.size())
        throw Fault{note.address, false}; // in the upload buffer, which has been freed
    if (l.result->depends == wanted)
        return {};
    return Refusal{
        -EINVAL, "load.dependency.mismatch",
        fmt::format("check against {} build-id failed",
                    first ? "hypervisor" : l.options.below.back()->name),
        fmt::format("The payload was built on top of {}; the topmost build-id is now {}.",
                    hex(l.result->depends), hex(wanted)),
        l.at_section(l.find_section(".livepatch.depends"))};
}

Findings find_note_hazards(const Loading& l) {
    const std::uint32_t section = l.find_section(".livepatch.xen_depends");
    if (l.rules.records_v2 || !section)
        return {};
    const Note note = parse_note(l, section);
    if (!note.error && note.id == l.image.build_id())
        return {};
    return {refusal(
        "load.hypervisor-id.mismatch",
        fmt::format("The payload is for build {} and this is {}; Xen {} does not compare them.",
                    note.error ? "(damaged note)" : hex(note.id), hex(l.image.build_id()),
                    l.version.text()),
        other_build, l.at_section(section))};
}

} // namespace xlp::load
