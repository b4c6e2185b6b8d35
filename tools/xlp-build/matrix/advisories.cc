// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/matrix/advisories.h"

#include "payload/base/file.h"
#include "payload/base/hash.h"
#include "tools/xlp-build/matrix/before.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>

namespace xlp::build {

namespace fs = std::filesystem;

namespace {

// 4.17.5 is at least 4.17.2. What comes before a release is not at least that: 4.17.6-pre of a
// stable branch, 4.18.0-rc3.
bool at_least(const std::string& version, const std::string& release) {
    auto numbers = [](const std::string& text) {
        std::pair<std::vector<unsigned long>, bool> parsed; // and whether it is that release
        const char* at = text.c_str();
        for (char* end = nullptr;; at = end + 1) {
            parsed.first.push_back(std::strtoul(at, &end, 10));
            if (*end == '.')
                continue;
            parsed.second = *end != '-' || std::isdigit(static_cast<unsigned char>(end[1])) != 0;
            return parsed;
        }
    };
    return numbers(version) >= numbers(release);
}

void decide(MatrixCase& c, const char* what, std::string why) {
    c.decided = what;
    c.why = std::move(why);
}

bool concerns(const AdvisoryRecipe& r, const char* what) {
    return std::find(r.concerns.begin(), r.concerns.end(), what) != r.concerns.end();
}

// The published patches of a fix, each with the hash that it was published with.
void take_patches(MatrixCase& c, const BranchFix& fix, const AdvisoryRecipe& r,
                  const fs::path& folder, Findings& faults) {
    for (const PublishedPatch& p : fix.patches) {
        const fs::path path = folder / p.file;
        auto bytes = read_file(path);
        if (!bytes)
            append(faults, bytes.error());
        else if (sha256_hex(*bytes) != p.sha256)
            faults.push_back(bad_input(
                "matrix.patches",
                fmt::format("This is not the published patch for {}: its hash differs.", r.id()),
                "Download it again.", {path.string(), {}, {}, 0}));
        else
            c.recipe->patches.push_back(path);
    }
}

MatrixCase case_of(const AdvisoryRecipe& r, const Base& b, bool clone, const fs::path& patches,
                   RecipesBeside& recipes, Findings& faults) {
    MatrixCase c;
    c.branch = b.name;
    c.name = fmt::format("xsa{}", r.number);
    c.known = r.known;
    c.title = r.title;
    c.xtf = r.xtf;
    auto found = r.branches.find(b.branch);
    if (r.concerns.empty()) {
        decide(c, "nothing known",
               "The recipe does not say whether the hypervisor is affected (`concerns').");
        return c;
    }
    if (!r.touches_hypervisor()) {
        decide(c, "not affected", "The advisory does not affect the hypervisor.");
        return c;
    }
    if (concerns(r, "arm") && !concerns(r, "x86")) {
        decide(c, "not affected", "The advisory concerns Arm; this hypervisor is one for x86.");
        return c;
    }
    if (found == r.branches.end()) {
        decide(c, "nothing known", fmt::format("The recipe does not mention {}.", b.branch));
        return c;
    }
    const BranchFix& fix = found->second;
    if (!fix.not_affected.empty()) {
        decide(c, "not affected", fix.not_affected);
        return c;
    }
    if (!fix.fixed_in.empty() && at_least(b.version, fix.fixed_in)) {
        decide(c, "fixed", fmt::format("Xen {} has the fix since {}.", b.version, fix.fixed_in));
        return c;
    }
    c.recipe = PatchRecipe{};
    c.recipe->hypervisor = {b.path("source"),
                            b.path("config"),
                            b.path("xen_syms"),
                            b.path("hypervisor"),
                            b.path("kernel"),
                            b.cc,
                            b.make};
    c.recipe->words = {"--advisory", r.id(), "--title", r.title};
    for (const std::string& cve : r.cves)
        c.recipe->words.insert(c.recipe->words.end(), {"--cve", cve});
    if (clone && !fix.commits.empty()) {
        c.commits = fix.commits;
        c.built_from = b.revision.empty() ? "RELEASE-" + b.version : b.revision;
        if (auto before = recipes.before(r, fix, b.branch))
            c.before = std::move(*before);
        else
            append(faults, before.error());
    } else if (!patches.empty() && !fix.patches.empty()) {
        take_patches(c, fix, r, patches, faults);
    } else {
        auto line = r.branch_lines.find(b.branch);
        faults.push_back(bad_input(
            "matrix.patches",
            fmt::format("{} is fixed on {} by {}, but their text is not available.", r.id(),
                        b.branch, fix.commits.empty() ? "patches" : "commits"),
            "Specify a clone of xen.git with --git, or a directory of patches with --patches.",
            {r.file.string(), {}, {}, line == r.branch_lines.end() ? 1 : line->second}));
    }
    return c;
}

} // namespace

Result<std::vector<MatrixCase>> advisory_cases(const std::vector<AdvisoryRecipe>& recipes,
                                               const std::vector<Base>& bases, bool clone,
                                               const fs::path& patches) {
    std::vector<MatrixCase> cases;
    Findings faults;
    RecipesBeside beside(recipes);
    for (const Base& b : bases)
        for (const AdvisoryRecipe& r : recipes)
            cases.push_back(case_of(r, b, clone, patches, beside, faults));
    if (!faults.empty())
        return fail(std::move(faults));
    return cases;
}

std::optional<Shard> parse_shard(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == text.npos)
        return std::nullopt;
    Shard s;
    const char *middle = text.data() + slash, *end = text.data() + text.size();
    auto first = std::from_chars(text.data(), middle, s.number);
    auto second = std::from_chars(middle + 1, end, s.of);
    if (first.ec != std::errc() || first.ptr != middle || second.ec != std::errc()
        || second.ptr != end || s.number < 1 || s.number > s.of)
        return std::nullopt;
    return s;
}

std::vector<MatrixCase> part_of(std::vector<MatrixCase> cases, Shard shard) {
    std::sort(cases.begin(), cases.end(),
              [](const MatrixCase& a, const MatrixCase& b) { return a.id() < b.id(); });
    std::vector<MatrixCase> part;
    for (std::size_t i = shard.number - 1; i < cases.size(); i += shard.of)
        part.push_back(std::move(cases[i]));
    return part;
}

} // namespace xlp::build
