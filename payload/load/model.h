// SPDX-License-Identifier: GPL-2.0-only
// The model of Xen's livepatch loader: what Xen would answer to the upload of a payload and to its
// application, and what it would accept and die of. Modelled on xen/common/livepatch.c,
// livepatch_elf.c and xen/arch/x86/livepatch.c of stable-4.14 to stable-4.22; the differences
// between versions are in rules.h, those found on real hypervisors in docs/loader-model.md.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/result.h"
#include "payload/elf/note.h"
#include "payload/xen/abi.h"
#include "payload/xen/efi_map.h"
#include "payload/xen/image.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace xlp::load {

using xen::Address;

// LIVEPATCH_MAX_SIZE (xen/include/public/sysctl.h): a larger file is not even looked at.
using xen::abi::max_payload_size;

// What the model allocates stays below max_modelled_memory plus 40 times the size of the file,
// whatever the file says; a payload that needs more in the hypervisor is refused (`load.limit`).
inline constexpr std::uint64_t max_modelled_memory = 64U << 20;
// Relocations in all sections together, for the same reason: no file of max_payload_size holds as
// many unless its relocation sections overlap.
inline constexpr std::uint64_t max_relocations = 1U << 20;

enum class Outcome {
    accepted,
    refused, // with an errno
    fatal    // Xen faults or corrupts itself
};

// In the order of the newest versions; load() follows the order of the version in question.
enum class Stage {
    upload, // the arguments of the hypercall
    header,
    sections,
    section_names,
    symbol_names,
    hypervisor_id, // check_xen_buildid(), or xen_build_id_dep() of older versions
    placement,
    symbols,
    relocations,
    special_sections,
    patching_sections,
    functions,
    hooks,
    notes,
    bug_frames,
    alternatives,
    alternative_calls,
    exception_table,
    metadata,
    symbol_table,
    protection,
    dependency,
    expectations,
    apply,
    revert
};

const char* name_of(Stage);   // "special sections"
const char* name_of(Outcome); // "accepted"
// "EINVAL" for -22 or 22, "0" for 0.
std::string errno_text(int error);

// Xen's answer to a hypercall.
struct Answer {
    Outcome outcome = Outcome::accepted;
    Stage stage = Stage::protection; // where the answer was decided
    int error = 0;                   // a negative Xen errno; 0 unless refused
    std::string log;                 // what Xen prints, without its prefix; may be empty
};

struct StageReport {
    Stage stage;
    Outcome outcome;
    std::string detail; // "12 sections, 3 regions"; may be empty
};

enum class Region { text, rw, ro };
const char* name_of(Region);

struct PlacedSection {
    std::uint32_t index = 0;
    std::string name;
    Region region = Region::text;
    Address address = 0;
    std::uint64_t size = 0;
    std::uint64_t align = 0;
};

enum class Origin { payload, hypervisor, other_payload, absolute, ignored };

struct ResolvedSymbol {
    std::uint32_t index = 0;
    std::string name;
    Address value = 0;
    std::uint64_t size = 0;
    Origin origin = Origin::payload;
    std::string other;     // the payload of Origin::other_payload
    bool exported = false; // a new symbol, visible to payloads loaded later
};

struct Expectation {
    bool enabled = false;
    std::uint8_t length = 0;
    std::uint8_t reserved = 0;
    std::array<std::uint8_t, 31> data{};
};

// A record of .livepatch.funcs as it stands after relocation and look-up.
struct FunctionRecord {
    std::string name;
    Address new_address = 0; // 0: no-operations are written
    Address old_address = 0;
    std::uint32_t new_size = 0;
    std::uint32_t old_size = 0;
    Expectation expect;
    bool by_name = false;      // old_address came from the name
    bool absolute = false;     // old_address is in the file as a number, not relocated
    unsigned patch_offset = 0; // 4 behind an ENDBR64
    Bytes patch;               // what is written at old_address + patch_offset
    Bytes replaced;            // what was there
};

// A payload in the hypervisor's memory.
struct Loaded {
    std::string name;
    elf::BuildId build_id;
    elf::BuildId depends;
    Address base = 0;
    std::uint64_t pages = 0;
    Bytes memory; // from `base`; relocated, alternatives not applied; .bss is zeros
    xen::Range text, rw, ro;
    std::vector<PlacedSection> sections;
    std::vector<ResolvedSymbol> symbols;
    std::vector<FunctionRecord> functions;
    bool safe_to_reapply = false;
    bool vetoing_hooks = false;

    bool contains(Address a) const { return a >= base && a - base < pages * 4096; }
};

struct Options {
    std::string name = "payload";        // as in `xen-livepatch upload NAME`
    std::optional<xen::Version> version; // otherwise the image's
    std::vector<const Loaded*> below;    // uploaded and applied, in that order
    // Code that boot may rewrite, by begin, as match::Tables::rewritten has it; may be empty.
    std::vector<xen::Range> rewritten;
    const xen::EfiMap* efi_map = nullptr; // of the same build's xen.efi
    bool check_stack_dependency = true;   // false: applied with --nodeps
};

struct Verdict {
    Answer upload;
    Answer apply;  // meaningful if the upload is accepted
    Answer revert; // meaningful if the application is accepted
    std::vector<StageReport> stages;
    // Every reason against the payload (errors: load.* as docs/findings.md lists) and remarks.
    Findings findings;
    // As far as loading came; complete if the upload is accepted.
    std::shared_ptr<const Loaded> loaded;

    bool good() const {
        return upload.outcome == Outcome::accepted && apply.outcome == Outcome::accepted
               && !has_errors(findings);
    }
};

// Never fails, crashes or hangs on any bytes; see the bounds above.
Verdict load(View payload, const xen::Image&, const Options&);

} // namespace xlp::load
