// SPDX-License-Identifier: GPL-2.0-only
// Why is each thing in the payload, and where in the source is what a finding speaks of?
#pragma once

#include "payload/base/json.h"
#include "payload/disasm/disasm.h"
#include "payload/pipeline/assemble.h"
#include "payload/types/lines.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xlp::build {

// The first place where a changed function differs.
struct FirstDifference {
    std::string original, patched; // instructions, as objdump shows them; empty past the end
    types::SourceLine line;        // in the patched source; empty file if unknown
};

// Looks things up in the debug information of a program's objects, each read once and when first
// asked for. Not for several threads.
class Explainer {
public:
    explicit Explainer(const diff::Program& program) : program_(program) {}

    std::optional<FirstDifference> first_difference(diff::Place);
    // Fills in the source line of findings that name a unit and a function or datum of it.
    void locate(Findings&);

private:
    const types::Lines* lines(const elf::Object&);
    std::string instruction(const atom::Atom&, const atom::Module&, std::uint64_t offset) const;

    const diff::Program& program_;
    std::map<const elf::Object*, std::optional<types::Lines>> lines_;
    disasm::Disassembler disassembler_;
};

// For --json: build-id, size, contents with their reasons, functions left out.
Json describe(const Assembly&);
// For --explain and -v: a line for everything in the payload, function by function.
std::vector<std::string> explain(const Assembly&);
// The result in one line.
std::string summary(const Assembly&, const std::filesystem::path& output);

} // namespace xlp::build
