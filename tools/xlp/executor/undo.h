// SPDX-License-Identifier: GPL-2.0-only
// Brings the payloads of a journal back to what they were, from whatever state they are in. All of
// it looks only at payloads that the journal names, so that what others brought is left alone.
#pragma once

#include "tools/xlp/disk/journal.h"
#include "tools/xlp/executor/hands.h"

namespace xlp::host {

class Undo {
public:
    Undo(Hands& hands, const Paths& paths, Journal& journal)
        : hands_(hands), paths_(paths), journal_(journal) {}

    Result<Snapshot> look();
    // To journal.before, but for what somebody else removed meanwhile.
    Result<void> restore();
    // Unloads what is not in `wanted` and not in effect.
    Result<void> unload_all_but(const Snapshot& wanted);

private:
    Result<void> step(Step::Kind, const std::string& name);
    Result<void> revert_extra();
    Result<void> apply_missing();
    Result<void> bring_back(const Snapshot::Entry&); // apply again, from kept bytes if need be
    Result<void> upload_missing(const Snapshot::Entry&);
    // Gone, and not by this operation.
    bool removed_by_others(const Snapshot& now, const Snapshot::Entry&) const;
    Snapshot wanted(const Snapshot& now) const;

    Hands& hands_;
    const Paths& paths_;
    Journal& journal_;
};

} // namespace xlp::host
