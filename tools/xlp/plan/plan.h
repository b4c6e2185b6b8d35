// SPDX-License-Identifier: GPL-2.0-only
// What an operation is going to do, as a sequence of steps, and what the host looks like before and
// after. Pure values: nothing here touches the hypervisor.
#pragma once

#include "tools/xlp/hypervisor/hypervisor.h"

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace xlp::host {

// A payload's bytes, read once: what is checked is what is uploaded.
struct Blob {
    std::vector<std::uint8_t> bytes;
    std::string sha256;   // hex
    std::string build_id; // hex; its own
    std::string depends;  // hex; what it stacks on
    std::string origin;   // the file it came from
};

struct Step {
    enum class Kind { upload, apply, revert, unload, replace };
    Kind kind;
    std::string name;
    std::shared_ptr<const Blob> blob = {}; // of an upload
    std::uint32_t flags = 0;               // of an apply
    bool force = false;                    // of an upload
};

const char* to_string(Step::Kind);
Step::Kind kind_of(Action);
Action action_of(Step::Kind);      // an upload is none: the caller's mistake, answered with apply
std::string describe(const Step&); // "apply xsa-123"

// The payloads on a host, in upload order.
struct Snapshot {
    struct Entry {
        std::string name;
        bool applied = false;
        std::string sha256 = {}; // of what was uploaded, where known
        // The same name and, as far as is known, the same bytes.
        bool same_payload(const Entry& o) const {
            return name == o.name && (sha256.empty() || o.sha256.empty() || sha256 == o.sha256);
        }
    };
    std::vector<Entry> entries;

    const Entry* find(const std::string& name) const;
    Entry* find(const std::string& name);
    // The same payloads in the same states; the order of upload does not matter.
    bool same_as(const Snapshot&) const;

    // Only the payloads that one of the two has a name for.
    Snapshot within(const Snapshot& a, const Snapshot& b) const;

    static Snapshot of(const std::vector<Payload>&);
};

struct Plan {
    std::string operation; // the verb
    std::vector<Step> steps;
    bool guard_needed = false; // nothing may start without the crash marker (guard.h)

    // The steps from here on only tidy up: when they fail, what is done stays done. It is the first
    // of the unloads that end the plan.
    std::size_t commit_point() const;
    Snapshot after(Snapshot before) const;
    // A single step is atomic in the hypervisor; `replace` is not quite (facts: xen's
    // livepatch_do_action reverts one by one).
    bool atomic() const;
    bool applies() const; // some step puts new code into effect
};

nlohmann::ordered_json to_json(const Snapshot&);
Snapshot snapshot_from(const nlohmann::ordered_json&); // what is malformed is left out

} // namespace xlp::host
