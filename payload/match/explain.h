// SPDX-License-Identifier: GPL-2.0-only
// From mismatches to what people can act on: which instruction is the first that differs, and what
// the set of mismatches says about what went wrong.
#pragma once

#include "payload/disasm/disasm.h"
#include "payload/match/match.h"

#include <functional>
#include <optional>
#include <span>

namespace xlp::match {

enum class Cause {
    none,          // everything is the same
    compiler,      // another one, by its own words (.comment)
    options,       // most functions differ: other flags, or a configuration that sets other flags
    configuration, // symbols that the hypervisor lacks, or structures laid out in another way
    lines,         // nothing but line numbers
    source,        // a few functions differ
    image          // most functions do not exist in this hypervisor
};

// "a different compiler": for messages.
std::string_view text(Cause);

struct Diagnosis {
    Cause cause = Cause::none;
    std::string why; // sentence with the evidence
    std::string remedy;
    std::size_t compared = 0, differ = 0; // functions of all objects
};

// The likely cause of the mismatches in all objects together. The more objects, the surer.
Diagnosis diagnose(std::span<const Match>, const xen::Image&);

struct SourceLine {
    std::string file;
    unsigned line = 0;
};
// The source line of a place in an object, if its debug information knows.
using LineOf = std::function<std::optional<SourceLine>(const elf::Object&, std::uint32_t section,
                                                       std::uint64_t offset)>;

// One finding for each of the atoms that is not as in the image; atoms that a payload replaces must
// be given here. Errors, kind `refused`:
//   match.mismatch    other code, size or references; with the first difference disassembled
//   match.missing     the hypervisor has no such symbol
//   match.line-only   differs in line numbers only: another version of the source file
// Notes: match.strings (equal but for strings).
Findings explain(const Match&, std::span<const atom::AtomId>, const Diagnosis&, const xen::Image&,
                 const LineOf& = {});

// A warning (match.others) with the number of functions that differ beyond those `explained`, or
// nothing.
std::optional<Finding> others(const Match&, std::span<const atom::AtomId> explained,
                              const Diagnosis&);

// Text of an instruction, with the name of what it refers to.
std::string readable(const disasm::Instruction&, const xen::Image&);

} // namespace xlp::match
