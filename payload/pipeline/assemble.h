// SPDX-License-Identifier: GPL-2.0-only
// From pairs of objects to a proven payload: the part of the pipeline that `payload` and `diff`
// share. compare -> select -> match -> emit -> verify.
#pragma once

#include "payload/emit/emit.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace xlp::build {

// A unit's objects on disk; empty paths where the unit is new or gone.
struct ObjectPair {
    std::string name;   // "common/domain.o"
    std::string source; // "common/domain.c"
    std::filesystem::path original, patched;
};

// Compiles a unit in another way; gives an empty path where that makes no difference.
using Recompile = std::function<Result<std::filesystem::path>(const ObjectPair&)>;

struct AssembleOptions {
    std::string name = "payload"; // as it is uploaded
    elf::BuildId depends;         // empty: the hypervisor's
    std::vector<std::pair<std::string, std::string>> modinfo;
    diff::Allowances allowances;
    std::vector<std::string> left_out; // changed functions that shall keep their old code
    Recompile compile_stable;          // patched, with stable lines; may be empty
    Recompile compile_whole;           // original, with Xen's own sections; may be empty
    unsigned jobs = 1;
};

struct Assembly {
    diff::Program program;
    diff::Selection selection;
    emit::Payload payload;
    std::vector<std::string> left_out; // as in the options
    Findings findings;                 // warnings and notes
};

// Reads and compares every pair. Errors: unreadable objects, odd tables.
Result<diff::Program> read_program(const std::vector<ObjectPair>&, xen::Version, unsigned jobs);

// The payload, or every reason why there can be none.
Result<Assembly> assemble(const std::vector<ObjectPair>&, const xen::Image&,
                          const AssembleOptions&);

} // namespace xlp::build
