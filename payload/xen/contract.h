// SPDX-License-Identifier: GPL-2.0-only
// Since which Xen each part of the contract holds: one table, which the emitter, the loader's
// model, the matcher and the host tool ask. docs/xen-versions.md is generated from it.
#pragma once

#include "payload/xen/version.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::xen {

enum class Feature {
    hooks,                       // load and unload hooks, no-operations
    checked_relocation_symbols,  // a relocation without a symbol is refused, not fatal
    tightened_sections,          // alignment is checked; read-only payloads may be applied again
    direct_calls,                // alternatives make calls through pointers direct
    logged_reasons,              // a hypervisor built without debugging says why it refuses
    path_qualified_names,        // statics are "dir/file.c#name", not "file.c#name"
    records_v2,                  // expectations, xen_depends, hooks, .modinfo
    long_alternatives,           // struct alt_instr has 14 bytes
    alternative_call_table,      // .alt_call_sites
    places_empty_sections,       // an empty allocated section has an address
    knows_ignored_symbols,       // relocations against symbols of sections not loaded are refused
    skips_endbr,                 // the jump goes behind an ENDBR64
    knows_poisoned_endbr,        // ... and behind one that boot overwrote
    state_outside_records,       // the loader does not write to .livepatch.funcs
    read_only_records,           // .livepatch.funcs is read-only while a payload is applied
    read_only_rodata,            // so is the hypervisor's .rodata
    checked_alternative_ranges,  // alternatives must lie within the payload's .text
    alternatives_fault_with_ibt, // applying alternatives kills a host that has IBT
    negated_features,            // bit 15 of alt_instr.cpuid
    reworked_sections,           // build-id checked first, one address per section
    window_behind_data           // payloads start right behind the hypervisor's data
};

struct ContractRow {
    Feature feature;
    std::vector<Version> since; // the point release within each branch that brought it
    std::vector<Version> until; // likewise, where it went again; empty: it stayed
    Version before;             // it also holds in versions before this one; 0.0.0: none
    std::string_view commits;   // in xen.git
    std::string_view what;      // a sentence for docs/xen-versions.md
};

std::span<const ContractRow> contract();

bool has(Version, Feature);

// Whether this Xen runs the hooks of a section: ".livepatch.hooks.load".
bool runs_hooks(Version, std::string_view section);

// NCAPINTS at the end of each branch: FEATURESET_NR_ENTRIES and what is added to it
// (xen/arch/x86/include/asm/cpufeatures.h, xen/include/public/arch-x86/cpufeatureset.h).
unsigned feature_words(Version);

// docs/xen-versions.md, whole.
std::string contract_document();

} // namespace xlp::xen
