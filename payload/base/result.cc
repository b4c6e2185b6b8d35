// SPDX-License-Identifier: GPL-2.0-only
#include "payload/base/result.h"

#include <algorithm>
#include <iterator>

namespace xlp {

namespace {
Finding make(Severity severity, Failure failure, std::string code, std::string why,
             std::string remedy, Where where) {
    return {std::move(code),  severity,       failure,
            std::move(where), std::move(why), std::move(remedy)};
}
} // namespace

Finding refusal(std::string code, std::string why, std::string remedy, Where where) {
    return make(Severity::error, Failure::refused, std::move(code), std::move(why),
                std::move(remedy), std::move(where));
}

Finding bad_input(std::string code, std::string why, std::string remedy, Where where) {
    return make(Severity::error, Failure::input, std::move(code), std::move(why), std::move(remedy),
                std::move(where));
}

Finding wrong_usage(std::string why, std::string remedy) {
    return make(Severity::error, Failure::usage, "usage", std::move(why), std::move(remedy), {});
}

Finding environment(std::string code, std::string why, std::string remedy, Where where) {
    return make(Severity::error, Failure::environment, std::move(code), std::move(why),
                std::move(remedy), std::move(where));
}

Finding internal_fault(std::string code, std::string why, Where where) {
    return make(Severity::error, Failure::internal, std::move(code), std::move(why),
                "This is a bug in xlp: please report it with the command and its inputs.",
                std::move(where));
}

Finding warning(std::string code, std::string why, std::string remedy, Where where) {
    return make(Severity::warning, Failure::none, std::move(code), std::move(why),
                std::move(remedy), std::move(where));
}

Finding note(std::string code, std::string why, std::string remedy, Where where) {
    return make(Severity::note, Failure::none, std::move(code), std::move(why), std::move(remedy),
                std::move(where));
}

tl::unexpected<Findings> fail(Finding f) {
    return tl::unexpected<Findings>(Findings{std::move(f)});
}

tl::unexpected<Findings> fail(Findings f) {
    return tl::unexpected<Findings>(std::move(f));
}

bool has_errors(const Findings& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.severity == Severity::error; });
}

Failure failure_of(const Findings& findings) {
    // from the least to the gravest; the numeric values are exit codes and not ordered by weight
    static constexpr Failure order[] = {Failure::none,  Failure::refused,     Failure::usage,
                                        Failure::input, Failure::environment, Failure::internal};
    auto weight = [](Failure f) { return std::find(std::begin(order), std::end(order), f); };
    Failure gravest = Failure::none;
    for (const Finding& f : findings)
        if (f.severity == Severity::error && weight(f.failure) > weight(gravest))
            gravest = f.failure;
    return gravest;
}

void append(Findings& to, Findings from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

} // namespace xlp
