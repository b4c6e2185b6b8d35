// SPDX-License-Identifier: GPL-2.0-only
#include "tests/nested/fixture.h"

#include "payload/base/file.h"
#include "tools/common/process.h"
#include "tools/xlp-qa/machine/images.h"
#include "tools/xlp-qa/verbs/report.h"

#include <algorithm>
#include <sys/wait.h>

namespace xlp::qa {

namespace {

// "39a6" to "0x39,0xa6"
std::string byte_list(const std::string& hex) {
    std::string list;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        list.append(list.empty() ? "" : ",").append("0x").append(hex, i, 2);
    return list;
}

fs::path first_kernel(const fs::path& boot) {
    std::error_code error;
    std::vector<fs::path> kernels;
    for (const auto& entry : fs::directory_iterator(boot, error))
        if (entry.path().filename().string().starts_with("vmlinuz-"))
            kernels.push_back(entry.path());
    return kernels.empty() ? fs::path() : *std::min_element(kernels.begin(), kernels.end());
}

} // namespace

std::optional<Assets> nested_assets() {
    const char* given = getenv("XLP_ASSETS");
    const fs::path root = given && *given ? given : XLP_DEFAULT_ASSETS;
    Assets a;
    a.xen = root / "hv/boot/xen-4.17-amd64.gz";
    a.xen_syms = root / "dbg/usr/lib/debug/boot/xen-syms-4.17-amd64";
    a.kernel = first_kernel(root / "kern/boot");
    a.xlp = XLP_TOOL;
    a.launcher = XLP_LAUNCHER;
    std::error_code error;
    if (root.empty() || !fs::exists(a.xen, error) || !fs::exists(a.xen_syms, error)
        || a.kernel.empty())
        return {};
    return a;
}

void Nested::SetUp() {
    auto found = nested_assets();
    if (!found && getenv("XLP_REQUIRE_NESTED"))
        FAIL() << "XLP_REQUIRE_NESTED is set, and XLP_ASSETS names no complete folder.";
    if (!found)
        GTEST_SKIP() << "No hypervisor: set XLP_ASSETS to the folder that scripts/fetch-xen made.";
    assets = *found;
    settings.cache = fs::path(XLP_NESTED_WORK) / "cache";
    auto made = cache::Scratch::make(XLP_NESTED_WORK);
    ASSERT_TRUE(made);
    folder.emplace(std::move(*made));
}

void Nested::require_launcher() {
    if (!*XLP_LAUNCHER && getenv("XLP_REQUIRE_NESTED"))
        FAIL() << "XLP_REQUIRE_NESTED is set, and libxen-dev was not there for the launcher.";
    if (!*XLP_LAUNCHER)
        GTEST_SKIP() << "No launcher: install libxen-dev and configure again.";
}

void Nested::TearDown() {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child process is left";
    EXPECT_EQ(errno, ECHILD);
}

Payload Nested::assemble(const std::string& name, const Sample& sample) {
    auto syms = read_text(assets.xen_syms);
    const std::string xen = syms ? build_id(*syms) : "";
    const fs::path object = folder->path() / (name + ".livepatch");
    auto list = [&](const char* macro, const std::string& id) {
        return std::string("-D") + macro + "=" + byte_list(id.empty() ? xen : id);
    };
    std::vector<std::string> argv = {"gcc",
                                     "-c",
                                     list("XEN_ID", sample.xen_depends),
                                     list("DEPENDS_ID", sample.depends),
                                     list("OWN_ID", sample.own),
                                     "-DEXTRA=\"" + sample.extra + "\"",
                                     "-DOLD_SIZE=12",
                                     std::string(XLP_NESTED_SOURCE) + "/sample.S",
                                     "-o",
                                     object};
    argv.insert(argv.end(), sample.options.begin(), sample.options.end());
    auto compiled = run_command({.argv = argv}, {});
    EXPECT_TRUE(compiled && compiled->status == 0) << (compiled ? compiled->err : "no gcc");
    auto bytes = read_text(object);
    EXPECT_TRUE(bytes);
    return {name, bytes ? *bytes : ""};
}

Outcome Nested::run(const Plan& plan) {
    auto scenario = make_scenario(plan);
    auto bed = testbed();
    if (!scenario || !bed) {
        ADD_FAILURE() << (scenario ? bed.error() : scenario.error()).front().why;
        return {};
    }
    auto outcome = bed->run(*scenario);
    if (!outcome) {
        ADD_FAILURE() << outcome.error().front().why;
        return {};
    }
    return std::move(*outcome);
}

fs::path Nested::script(const std::string& name, const std::string& text) {
    fs::path path = folder->path() / name;
    EXPECT_TRUE(write_file(path, text));
    return path;
}

const StepResult& step(const Outcome& outcome, const std::string& name) {
    static const StepResult none;
    auto it = std::find_if(outcome.steps.begin(), outcome.steps.end(),
                           [&](const StepResult& s) { return s.step.name == name; });
    EXPECT_NE(it, outcome.steps.end()) << "no step " << name;
    return it == outcome.steps.end() ? none : *it;
}

std::string describe(const Outcome& outcome) {
    std::string text;
    for (const std::string& line : text_lines(outcome, true))
        text += line + '\n';
    return text;
}

} // namespace xlp::qa
