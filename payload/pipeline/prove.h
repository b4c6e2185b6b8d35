// SPDX-License-Identifier: GPL-2.0-only
// What is checked before a payload leaves the builder: that the old code is what we think it is,
// that it can take a jump, that old and new code agree on types, and that Xen's loader would take
// the result.
#pragma once

#include "payload/base/bytes.h"
#include "payload/diff/select.h"

#include <functional>
#include <map>
#include <optional>

namespace xlp::build {

// What the running image tells of the functions that are to be replaced.
struct OldCode {
    Findings findings;                         // match.*, trampoline.*
    std::map<std::size_t, Bytes> expectations; // by index of Selection::items
};
// The module of a unit's original compiled with sections as Xen's own build has them; nothing where
// those are the same. May be empty.
using WholeModules = std::function<Result<std::optional<atom::Module>>(std::size_t unit)>;
// Asks for a unit's whole module only where some function does not match without. Errors: those
// of `whole`.
Result<OldCode> check_old_code(const diff::Program&, const diff::Selection&, const xen::Image&,
                               const WholeModules& whole);

// Changed types, signatures and variables that included functions and what stays would see
// differently (types.*).
Findings check_types(const diff::Program&, const diff::Selection&, const xen::Image&,
                     unsigned jobs);

// Constants whose new contents are carried, but that code outside of the payload still reads.
Findings check_readers(const diff::Program&, const diff::Selection&, const xen::Image&);

// The loader's model on the finished payload (load.*).
Findings check_payload(View payload, const std::string& name, const xen::Image&);

} // namespace xlp::build
