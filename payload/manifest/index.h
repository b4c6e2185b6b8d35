// SPDX-License-Identifier: GPL-2.0-only
// What one build of the hypervisor needs to be safe: a signed document (docs/index.md) that answers
// for every advisory. It alone says what a host must have, so that a payload that is missing is
// noticed as well as one that is there.
#pragma once

#include "payload/base/result.h"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace xlp::manifest {

inline constexpr const char* index_schema = "xlp.index/1";
inline constexpr std::size_t max_index_size = 4u << 20;

struct Answer {
    enum class Kind {
        in_build,      // this build has the fix
        payload,       // the payload below has it
        not_concerned, // `why`
        reboot         // cannot be live-patched: `version` has it
    };
    std::string advisory; // "XSA-444"
    std::vector<std::string> cves = {};
    Kind kind = Kind::in_build;
    std::string sha256 = {}, build_id = {}, name = {}; // of the payload
    std::string why = {};     // "configuration", "Arm only", "not the hypervisor", ...
    std::string version = {}; // "4.17.6"

    bool operator==(const Answer&) const = default;
};
const char* to_string(Answer::Kind); // the word in the document

struct Index {
    std::string xen_build_id, xen_version;
    std::uint64_t serial = 0;         // grows with every index of this build
    std::uint64_t minimum_serial = 0; // no index of any build below it is to be believed any more
    std::string valid_until;          // UTC, "2027-01-31T00:00:00Z"
    std::vector<std::string> revoked; // SHA-256 of payloads that must not be applied
    std::vector<Answer> answers;      // "advisories"

    bool operator==(const Index&) const = default;
    const Answer* find(const std::string& advisory) const;
    bool revokes(const std::string& sha256) const;
    // `now` in the form of valid_until.
    bool expired(const std::string& now) const { return now > valid_until; }
};

nlohmann::ordered_json to_json(const Index&);
std::string to_text(const Index&);

// Errors: index.malformed, index.schema, index.size (bad input).
Result<Index> parse_index(std::string_view text, const std::string& origin);

} // namespace xlp::manifest
