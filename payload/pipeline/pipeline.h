// SPDX-License-Identifier: GPL-2.0-only
// From pairs of objects to a payload that the loader's model takes: a list of passes over one
// context (pipeline.cc has the list). A pass adds findings and never calls back. One that needs a
// unit compiled in another way says so, the passes stop, and go on with what is supplied:
//
//     Pipeline p(pairs, image, options);
//     for (auto needs = p.advance(); needs && !needs->empty(); needs = p.advance())
//         for (const Need& n : *needs)
//             p.supply(n, compile(n));
//     Assembly a = std::move(p).result();
#pragma once

#include "payload/base/jobs.h"
#include "payload/diff/account.h"
#include "payload/diff/allowances.h"
#include "payload/diff/select.h"
#include "payload/emit/emit.h"
#include "payload/load/model.h"
#include "payload/pipeline/source_lines.h"

#include <compare>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace xlp::pipeline {

// A unit's objects on disk; empty paths where the unit is new or gone.
struct ObjectPair {
    std::string name;   // "common/domain.o"
    std::string source; // "common/domain.c"
    std::filesystem::path original, patched;
};

// Another compile of a unit, without which a pass cannot decide.
struct Need {
    enum class Kind {
        stable_lines,  // the patched unit, with lines behind each change as they were
        whole_sections // the original, with the sections that Xen's own build has
    };
    std::string unit;
    Kind kind{};

    auto operator<=>(const Need&) const = default;
};
using Needs = std::vector<Need>;

class Stack;

struct Options {
    std::string name = "payload"; // as it is uploaded
    elf::BuildId depends;         // empty: what is topmost of the stack, or the hypervisor's
    const Stack* stack = nullptr; // what is applied already; must outlive the pipeline
    std::vector<std::pair<std::string, std::string>> modinfo;
    diff::Allowances allowances;
    std::vector<std::string> left_out; // changed functions that shall keep their old code
    std::vector<diff::Bound> bound;    // new names of what the hypervisor has already
    Jobs jobs;
};

struct Assembly {
    diff::Program program;
    diff::Selection selection;
    diff::Account account;
    emit::Payload payload;
    load::Verdict verdict;             // of the loader's model
    std::vector<std::string> left_out; // as in the options
    bool partial = false; // a part of the patch takes no effect, as was allowed or asked for
    Findings findings;    // warnings and notes
    std::unique_ptr<SourceLines> lines; // of the program's objects
};

struct Context;

class Pipeline {
public:
    // The image must outlive the pipeline; with a stack it is Stack::running().
    Pipeline(std::vector<ObjectPair>, const xen::Image&, Options);
    Pipeline(Pipeline&&) noexcept;
    ~Pipeline();

    // Runs the passes until some need something, or to the end: then there are no needs. Errors:
    // every reason why there can be no payload.
    Result<Needs> advance();
    // An empty path: that compile makes no difference, or is not to be had.
    Result<void> supply(const Need&, const std::filesystem::path& object);
    // After the end.
    Assembly result() &&;

private:
    std::unique_ptr<Context> context_;
    std::size_t next_ = 0; // pass
};

} // namespace xlp::pipeline
