// SPDX-License-Identifier: GPL-2.0-only
// Findings travel as values: what was found, where, why it matters, what to do about it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace xlp {

// What a finding means for the operation. The order is that of weight.
enum class Severity {
    note,    // worth knowing
    warning, // allowed, and the user should look
    error    // the operation cannot go on or its result must not be used
};

// Why an operation failed; the values are the tools' exit codes (docs/exit-codes.md).
enum class Failure {
    none = 0,
    refused = 1,     // understood, and unsafe or impossible to live-patch
    usage = 2,       // wrong command line
    input = 3,       // unreadable, malformed, or the wrong file
    environment = 4, // compiler, hypervisor, permission, disk
    internal = 5     // a fault of ours
};

// A place, as far as it is known; empty strings and zero line mean "unknown".
struct Where {
    std::string file = {};     // file on disk, object or source tree
    std::string function = {}; // function, datum or section in it
    std::string source = {};   // source file of the line
    unsigned line = 0;

    bool empty() const { return file.empty() && function.empty() && source.empty(); }
};

struct Finding {
    std::string code; // stable, dotted and lower case: "elf.truncated"; listed in docs/findings.md
    Severity severity = Severity::error;
    Failure failure = Failure::refused; // for errors: which exit code this calls for
    Where where;
    std::string why;    // one or more full sentences, without the place
    std::string remedy; // what to do; may be empty
};

using Findings = std::vector<Finding>;

// A value, or every reason why there is none (never an empty list).
template <class T>
using Result = tl::expected<T, Findings>;

// Shorthands for the common kinds of error finding.
Finding refusal(std::string code, std::string why, std::string remedy = {}, Where where = {});
Finding bad_input(std::string code, std::string why, std::string remedy = {}, Where where = {});
// `usage`: the command line is wrong.
Finding wrong_usage(std::string why, std::string remedy = {});
Finding environment(std::string code, std::string why, std::string remedy = {}, Where where = {});
Finding internal_fault(std::string code, std::string why, Where where = {});
Finding warning(std::string code, std::string why, std::string remedy = {}, Where where = {});
Finding note(std::string code, std::string why, std::string remedy = {}, Where where = {});

// The one way to return an error: `return fail(bad_input(...))`, and `return fail(result)` to pass
// on what a failed result holds.
tl::unexpected<Findings> fail(Finding f);
tl::unexpected<Findings> fail(Findings f);
template <class T, class E>
tl::unexpected<E> fail(tl::expected<T, E>& failed) {
    return tl::unexpected<E>(std::move(failed.error()));
}
template <class T, class E>
tl::unexpected<E> fail(tl::expected<T, E>&& failed) {
    return tl::unexpected<E>(std::move(failed.error()));
}
template <class T, class E>
tl::unexpected<E> fail(const tl::expected<T, E>& failed) {
    return tl::unexpected<E>(failed.error());
}

bool has_errors(const Findings&);

// The exit code that findings call for: that of the gravest error, `none` without errors.
// internal > environment > input > usage > refused.
Failure failure_of(const Findings&);

void append(Findings& to, Findings from);

} // namespace xlp
