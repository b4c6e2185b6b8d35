// SPDX-License-Identifier: GPL-2.0-only
// Are two atoms the same? Bytes outside of references must be equal, and references must mean the
// same thing: the same function or datum by identity, the same string or literal by content.
#pragma once

#include "payload/diff/correlate.h"

#include <map>
#include <optional>
#include <string>

namespace xlp::diff {

// The first difference between two atoms.
struct Difference {
    enum class What { size, bytes, reference, entries };
    What what{};
    std::uint64_t original_offset = 0; // in the original atom
    std::uint64_t patched_offset = 0;
    std::string why; // half a sentence: "it calls `foo' instead of `bar'"
};

class Comparison {
public:
    Comparison(const atom::Module& original, const atom::Module& patched, const Correlation& twins)
        : o_(original), p_(patched), twins_(twins) {}

    // Compares two atoms by content; nothing if they are the same. Lines in bug frames, padding and
    // alignment do not count.
    std::optional<Difference> difference(const atom::Atom& original, const atom::Atom& patched);

private:
    bool same_target(const atom::Reference& o, const atom::Reference& p);
    bool same_end(const atom::Reference& o, const atom::Reference& p);
    bool same_content(const atom::Atom& o, const atom::Atom& p);
    std::optional<Difference> references_differ(const std::vector<atom::Reference>& o,
                                                const std::vector<atom::Reference>& p);
    std::optional<Difference> entries_differ(const atom::Atom& o, const atom::Atom& p);
    std::string target_text(const atom::Module&, const atom::Reference&) const;

    const atom::Module& o_;
    const atom::Module& p_;
    const Correlation& twins_;
    std::map<std::pair<atom::AtomId, atom::AtomId>, bool> nameless_; // memo; true while compared
};

} // namespace xlp::diff
