// SPDX-License-Identifier: GPL-2.0-only
// What an operation is going to do, as a sequence of steps, and what the host looks like before and
// after. Pure values: nothing here touches the hypervisor.
#pragma once

#include "payload/elf/object.h"
#include "tools/xlp/hypervisor/hypervisor.h"

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xlp::host {

// A payload's bytes, read, hashed and taken apart once: what is checked is what is uploaded.
struct Blob {
    std::vector<std::uint8_t> bytes;
    std::string sha256;     // hex
    std::string build_id;   // hex; its own
    std::string depends;    // hex; what it stacks on
    std::string origin;     // the file it came from
    std::string metadata;   // `.modinfo`, as Xen will list it
    bool writable = false;  // brings data of its own: Xen applies such a copy once only
    bool preapply = false;  // hooks that Xen calls each time it is asked, also when the
    bool prerevert = false; // rendezvous fails then, without the call that undoes it
    std::shared_ptr<const elf::Object> object; // null when it cannot be read as one
    std::string manifest;                      // the file beside it; empty when there is none
    std::string signer; // id of the trusted key that signed it; empty when not verified
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
    Snapshot within(const std::set<std::string>& names) const;

    static Snapshot of(const std::vector<Payload>&);
};

struct Plan {
    std::string operation; // the verb
    std::vector<Step> steps;
    bool guard_needed = false; // nothing may start without the record of the trial (trial.h)
    // An operator's own revert or unload: it must work in any state, and it cancels the repair of
    // an interrupted operation.
    bool takes_over = false;
    bool force = false; // begin although it could not be undone
    // The bytes of payloads that another tool uploaded, where they are known.
    std::map<std::string, std::shared_ptr<const Blob>> known = {};
    // What is known, by their content, of payloads in the hypervisor that the plan applies.
    struct Ids {
        std::string sha256, build_id; // hex; empty when unknown
    };
    std::map<std::string, Ids> ids = {};

    // The steps from here on only tidy up: when they fail, what is done stays done. It is the first
    // of the unloads that end the plan.
    std::size_t commit_point() const;
    Snapshot after(Snapshot before) const;
    // A single step is atomic in the hypervisor; `replace` is not quite (facts: xen's
    // livepatch_do_action reverts one by one).
    bool atomic() const;
    bool applies() const; // some step applies new code
    // The payloads of this host that the plan may change.
    std::set<std::string> touches(const Snapshot& host) const;
    // Those that it reverts or unloads before the commit point.
    std::set<std::string> takes_down(const Snapshot& host) const;
};

nlohmann::ordered_json to_json(const Snapshot&);
Snapshot snapshot_from(const nlohmann::ordered_json&); // what is malformed is left out

} // namespace xlp::host
