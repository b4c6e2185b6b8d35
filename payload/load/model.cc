// SPDX-License-Identifier: GPL-2.0-only
#include "payload/load/model.h"
#include "payload/base/bytes.h"
#include "payload/load/loading.h"

namespace xlp::load {

namespace {

struct StageStep {
    Stage stage;
    Step (*run)(Loading&);
};

// load_payload_data() of xen/common/livepatch.c
std::vector<StageStep> upload_stages(const Rules& rules) {
    std::vector<StageStep> s = {
        {Stage::header, check_header},
        {Stage::sections, resolve_sections},
        {Stage::section_names, resolve_section_names},
        {Stage::symbol_names, read_symbols},
    };
    if (rules.reworked_sections)
        s.push_back({Stage::hypervisor_id, check_hypervisor_id});
    s.insert(s.end(), {
                          {Stage::placement, place},
                          {Stage::symbols, resolve_symbols},
                          {Stage::relocations, relocate},
                          {Stage::special_sections, check_special_sections},
                      });
    if (rules.records_v2)
        s.push_back({Stage::patching_sections, check_patching_sections});
    s.insert(s.end(), {
                          {Stage::functions, prepare_functions},
                          {Stage::hooks, prepare_hooks},
                          {Stage::notes, prepare_notes},
                          {Stage::bug_frames, prepare_bug_frames},
                          {Stage::alternatives, prepare_alternatives},
                      });
    if (rules.has_alternative_calls)
        s.push_back({Stage::alternative_calls, prepare_alternative_calls});
    s.push_back({Stage::exception_table, prepare_exception_table});
    if (rules.records_v2)
        s.push_back({Stage::metadata, prepare_metadata});
    if (rules.records_v2 && !rules.reworked_sections)
        s.push_back({Stage::hypervisor_id, check_old_hypervisor_id});
    s.push_back({Stage::symbol_table, build_symbol_table});
    return s;
}

// livepatch_action() and the work it schedules
std::vector<StageStep> apply_stages(const Rules& rules) {
    std::vector<StageStep> s = {{Stage::dependency, check_stack_dependency}};
    if (rules.records_v2)
        s.push_back({Stage::expectations, check_expectations});
    s.push_back({Stage::apply, apply_functions});
    return s;
}

std::string counted(std::size_t n, const char* one, const char* many) {
    return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string detail_of(const Loading& l, Stage stage) {
    const Loaded& out = *l.result;
    switch (stage) {
    case Stage::header:
        return fmt::format("{} bytes", l.file.size());
    case Stage::sections:
        return counted(l.sections.size(), "section", "sections");
    case Stage::symbol_names:
        return counted(l.symbols.size(), "symbol", "symbols");
    case Stage::hypervisor_id:
        return hex(l.xen_depends);
    case Stage::placement:
        return fmt::format("{:#x}: text {:#x}, data {:#x}, read-only {:#x}", out.base, l.text_size,
                           l.rw_size, l.ro_size);
    case Stage::functions:
        return counted(out.functions.size(), "function", "functions");
    case Stage::notes:
        return hex(out.build_id);
    case Stage::symbol_table: {
        std::size_t exported = 0;
        for (const ResolvedSymbol& s : out.symbols)
            exported += s.exported;
        return counted(exported, "new symbol", "new symbols");
    }
    default:
        return {};
    }
}

// A file that is no payload at all is bad input; everything else is a refusal.
Finding finding_of(const Refusal& r, Stage stage, bool applying) {
    std::string why =
        fmt::format("Xen would refuse to {} it with {}{}", applying ? "apply" : "load",
                    errno_text(r.error), r.log.empty() ? "." : ": " + r.log + ".");
    Finding f = refusal(r.code, std::move(why), r.remedy, r.where);
    if (stage == Stage::header || r.code == "load.upload.size")
        f.failure = Failure::input;
    return f;
}

Finding finding_of(const Fault& fault, Stage stage, const Loading& l) {
    return refusal("load.fatal.fault",
                   fmt::format("Xen would {} memory that is not {} at {:#x} ({}), and die.",
                               fault.write ? "write to" : "read",
                               fault.write ? "writable" : "mapped", fault.address, name_of(stage)),
                   "See the other findings for the cause; do not load the payload.",
                   {l.options.name, {}, {}, 0});
}

// Runs the stages until one refuses or dies; true if all passed.
bool run(const std::vector<StageStep>& steps, bool applying, Loading& l, Verdict& v,
         Answer& answer) {
    for (const StageStep& s : steps) {
        Outcome outcome = Outcome::accepted;
        answer.stage = s.stage;
        try {
            if (Step r = s.run(l)) {
                outcome = Outcome::refused;
                answer = {outcome, s.stage, r->error, r->log};
                v.findings.push_back(finding_of(*r, s.stage, applying));
            }
        } catch (const Fault& fault) {
            outcome = Outcome::fatal;
            answer = {outcome, s.stage, 0, {}};
            v.findings.push_back(finding_of(fault, s.stage, l));
        }
        v.stages.push_back({s.stage, outcome, detail_of(l, s.stage)});
        if (outcome != Outcome::accepted)
            return false;
    }
    return true;
}

Verdict refuse_upload(const Refusal& r) {
    Verdict v;
    v.upload = {Outcome::refused, Stage::upload, r.error, r.log};
    v.stages.push_back({Stage::upload, Outcome::refused, {}});
    v.findings.push_back(finding_of(r, Stage::upload, false));
    v.loaded = std::make_shared<Loaded>();
    return v;
}

// livepatch_upload(), verify_payload(): what is refused before the file is looked at
std::optional<Refusal> check_arguments(View payload, const Options& o) {
    const Where where{o.name, {}, {}, 0};
    if (o.name.empty() || o.name.size() > 127)
        return Refusal{-EINVAL,
                       "load.upload.name",
                       {},
                       "A payload's name must have 1 to 127 characters.",
                       where};
    if (payload.empty() || payload.size() > max_payload_size)
        return Refusal{-EINVAL,
                       "load.upload.size",
                       {},
                       "A payload may have 2 MiB at most: strip debug sections.",
                       where};
    for (const Loaded* other : o.below)
        if (other->name == o.name)
            return Refusal{-EEXIST,
                           "load.upload.name",
                           {},
                           "A payload of that name is already loaded.",
                           where};
    return {};
}

void find_hazards(const Loading& l, Findings& to) {
    for (auto find :
         {find_section_hazards, find_symbol_hazards, find_reference_hazards, find_function_hazards,
          find_table_hazards, find_note_hazards, find_stack_hazards}) {
        try {
            append(to, find(l));
        } catch (const Fault&) {
            // the stage that meets this fault reports it
        }
    }
}

} // namespace

Verdict load(View payload, const xen::Image& image, const Options& options) {
    const xen::Version version = options.version.value_or(image.version());
    if (version < oldest_modelled) {
        Verdict v = refuse_upload({-EINVAL,
                                   "load.version",
                                   {},
                                   "The loader model covers Xen 4.7 and later.",
                                   {options.name, {}, {}, 0}});
        v.findings.front().why = fmt::format("Xen {} is not modelled.", version.text());
        return v;
    }
    if (auto refusal = check_arguments(payload, options))
        return refuse_upload(*refusal);

    Loading l(payload, image, options, version);
    Verdict v;
    v.loaded = l.result;
    if (run(upload_stages(l.rules), false, l, v, v.upload)) {
        v.upload.stage = Stage::protection;
        v.stages.push_back({Stage::protection, Outcome::accepted, {}});
    }
    append(v.findings, std::move(l.remarks));
    find_hazards(l, v.findings); // with the upload buffer, before anything is patched
    if (v.upload.outcome == Outcome::accepted) {
        l.machine.unmap_upload();
        if (run(apply_stages(l.rules), true, l, v, v.apply))
            run({{Stage::revert, revert_functions}}, true, l, v, v.revert);
    }
    return v;
}

} // namespace xlp::load
