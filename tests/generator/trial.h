// SPDX-License-Identifier: GPL-2.0-only
// A batch of cases: each a program and an edit to it, all in the same units of one small
// hypervisor, so that a few runs of the compiler serve all.
#pragma once

#include "program.h"
#include "toolchain.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace xlp::generator {

struct Case {
    int index = 0;
    Program before, after;
    std::vector<std::string> edits;
};

// The case of that number of a seed's batch: the same alone as among others. A kind: an edit of
// this kind and no other, where one can be made.
Case make_case(std::uint64_t seed, int index, const std::string& kind = {});

enum class Outcome {
    invalid, // the compiler does not take it
    good,    // the patched program does what the whole new build does
    refused, // no payload, for stated reasons
    unknown, // what it should do is not determined: a pointer to what is gone
    told,    // it behaves otherwise, and a warning says so
    differs, // it behaves otherwise, and nothing was said
    crash,
    broken // the engine failed with no reason that names the case
};
const char* name_of(Outcome);
inline bool is_fault(Outcome o) {
    return o >= Outcome::differs;
}

struct Result {
    Outcome outcome = Outcome::good;
    std::string text;               // what was seen
    std::vector<std::string> codes; // of findings that name the case
    bool replaced = false;          // something of it is in the payload
};

// By index of the case.
std::map<int, Result> run_batch(std::uint64_t seed, const std::vector<Case>&, const Style&);

// Writes a case's sources and a script that compiles, links and diffs them.
void write_case(const std::filesystem::path& folder, const Case&, const Style&,
                const std::string& seen);

// Takes away from both sides of the case what is not needed for its outcome.
Case shrink(std::uint64_t seed, Case, const Style&, int attempts);

} // namespace xlp::generator
