// SPDX-License-Identifier: GPL-2.0-only
// What is known about a payload beside its code: which hypervisor it fits, which advisories it
// fixes, what it was made from. A JSON file beside the payload (docs/manifest.md has the schema),
// its essentials also inside, in `.modinfo`.
#pragma once

#include "payload/base/bytes.h"
#include "payload/base/hash.h"
#include "payload/base/result.h"
#include "payload/elf/object.h"

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xlp::manifest {

inline constexpr const char* schema = "xlp.manifest/1";
// A manifest file larger than this is refused.
inline constexpr std::size_t max_manifest_size = 4u << 20;

struct Input {
    std::string role; // "patch", "config", "xen-syms", "source"
    std::string file; // base name only: the same input gives the same manifest everywhere
    std::string sha256;

    bool operator==(const Input&) const = default;
};

// Ids and hashes are lower-case hex.
struct Manifest {
    std::string name;                    // of the payload, as it is uploaded
    std::string title;                   // one line for people
    std::string file;                    // the payload's base name
    std::string sha256;                  // of the payload's bytes
    std::uint64_t size = 0;              // bytes
    std::string build_id;                // the payload's own
    std::string depends;                 // build-id that it stacks on
    std::string xen_build_id;            // of the hypervisor
    std::string xen_version;             // "4.17.5"; empty when unknown
    std::vector<std::string> advisories; // "XSA-444"
    std::vector<std::string> partial;    // advisories that it mends in part: not fixed by it
    std::vector<std::string> cves;       // "CVE-2023-34325"
    std::vector<std::string> supersedes; // build-ids of payloads whose fixes this one contains
    std::vector<std::string> functions;  // replaced, in the payload's order
    std::vector<Input> inputs;
    std::string tool, tool_version; // "xlp-build", "0.1.0"

    bool operator==(const Manifest&) const = default;
};

// `patch.livepatch.json` beside `patch.livepatch`.
std::filesystem::path manifest_path(std::filesystem::path payload);

nlohmann::ordered_json to_json(const Manifest&);
std::string to_text(const Manifest&); // the file's contents

// Checks the schema, types, and that ids and hashes look like such; unknown members are ignored, so
// that a later minor addition can be read. Errors: manifest.* of kind `input`, with `origin`.
Result<Manifest> parse(std::string_view text, const std::string& origin);

// What the payload itself tells: file, sha256, size, ids, functions, and what `.modinfo` has.
// Errors for bytes that are not an ELF object or lack their build-id.
Result<Manifest> describe(View payload, const std::string& file);
Result<Manifest> describe_file(const std::filesystem::path& payload);
// The same of an object that was read already.
Result<Manifest> describe(const elf::Object&, const std::string& sha256, std::uint64_t size,
                          const std::string& file);

// Findings where the manifest does not speak of these bytes: hash, size, ids.
Findings compare(const Manifest&, View payload, const std::string& origin);
// `itself`: what describe() says of the payload.
Findings compare(const Manifest&, const Manifest& itself, const std::string& origin);

// The essentials as "key", "value" for `.modinfo`, and back: name, title, advisories, partial,
// cves, supersedes, built-by. Lists are separated by spaces. `metadata` is as Xen or the section
// has it, NUL-terminated strings; what has no `=` or an unknown key is ignored.
std::vector<std::pair<std::string, std::string>> modinfo(const Manifest&);
void read_modinfo(Manifest&, std::string_view metadata);

std::string sha256_hex(View);

} // namespace xlp::manifest
