// SPDX-License-Identifier: GPL-2.0-only
// Where in the source is what a finding speaks of?
#pragma once

#include "payload/diff/program.h"
#include "payload/types/lines.h"

#include <map>
#include <optional>

namespace xlp::pipeline {

// The line tables of a program's objects, each read once and when first asked for. Not for several
// threads.
class SourceLines {
public:
    // Null if the object tells none.
    const types::Lines* of(const elf::Object&);
    // The first place where a changed function or datum differs, in the patched source.
    std::optional<types::SourceLine> first_difference(const diff::Program&, diff::Place);
    // Fills in the source line of findings that name a unit and a function or datum of it.
    void locate(const diff::Program&, Findings&);

private:
    std::map<const elf::Object*, std::optional<types::Lines>> tables_;
};

} // namespace xlp::pipeline
