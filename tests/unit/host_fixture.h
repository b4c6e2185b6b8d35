// SPDX-License-Identifier: GPL-2.0-only
// Runs the tool as its users do: words in; exit code and both streams out; a scripted hypervisor
// below, and a folder in place of /.
#pragma once

#include "host_scripted.h"
#include "payload/base/file.h"
#include "payload/base/json.h"
#include "payload/manifest/manifest.h"
#include "tools/xlp/verbs/compat.h"
#include "tools/xlp/verbs/verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace xlp::host::test {

namespace fs = std::filesystem;

struct Ran {
    int code;
    std::string out, err;
    Json json() const { return Json::parse(out, nullptr, false); }
};

struct VerbTest : ::testing::Test {
    TestClock clock;
    ScriptedXen xen{clock};
    Root root;
    Machine machine{[this](Via) -> Result<std::unique_ptr<Hypervisor>> {
                        return std::make_unique<ScriptedHypervisor>(xen);
                    },
                    clock,
                    root.paths,
                    {}};

    template <class F>
    Ran capture(std::vector<std::string> words, F run) {
        std::vector<char*> argv;
        for (std::string& w : words)
            argv.push_back(w.data());
        argv.push_back(nullptr);
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const int code = run(static_cast<int>(words.size()), argv.data());
        std::string out = ::testing::internal::GetCapturedStdout();
        return {code, out, ::testing::internal::GetCapturedStderr()};
    }
    Ran xlp(std::vector<std::string> words) {
        words.insert(words.begin(), "xlp");
        return capture(words, [&](int n, char** v) { return cli::run(tool(machine), n, v); });
    }
    Ran compat(std::vector<std::string> words) {
        words.insert(words.begin(), "xen-livepatch");
        return capture(words, [&](int n, char** v) { return run_xen_livepatch(machine, n, v); });
    }
    std::string file(const std::string& name, const PayloadSpec& spec) {
        return write_payload(root.paths.root / "files" / (name + ".livepatch"), spec);
    }
    // Into the store, with a manifest.
    fs::path store(const std::string& name, const PayloadSpec& spec,
                   std::vector<std::string> advisories = {},
                   std::vector<std::string> supersedes = {}) {
        const fs::path f =
            write_payload(root.paths.store() / spec.xen / (name + ".livepatch"), spec);
        auto m = *manifest::describe(make_payload(spec), f);
        m.advisories = std::move(advisories);
        m.supersedes = std::move(supersedes);
        m.tool = "xlp-build";
        EXPECT_TRUE(write_file(manifest::manifest_path(f), manifest::to_text(m)));
        return f;
    }
    void configure(const std::string& text) {
        fs::create_directories(root.paths.config().parent_path());
        ASSERT_TRUE(write_file(root.paths.config(), text));
    }
    // An index of this hypervisor that asks for these payloads of the store.
    void index(std::vector<std::string> words = {}, const std::string& serial = "1") {
        for (const auto& e : fs::directory_iterator(root.paths.store() / xen_id))
            if (e.path().extension() == ".livepatch")
                words.push_back(e.path());
        words.insert(words.begin(), {"index", "make", "--serial", serial, "--xen", xen_id, "-o",
                                     root.paths.store() / xen_id / "index.json"});
        const Ran r = xlp(words);
        ASSERT_EQ(r.code, 0) << r.err;
    }
    // The host ends without a shutdown, and another boot begins.
    void crash(const std::string& next_boot) {
        xen.entries.clear();
        xen.stack.clear();
        root.reboot(next_boot);
    }
    void shut_down(const std::string& next_boot) {
        EXPECT_EQ(xlp({"settle", "--now"}).code, 0);
        crash(next_boot);
    }
};

inline PayloadSpec on(const std::string& own, const std::string& below = xen_id) {
    return {id(own), below};
}

} // namespace xlp::host::test
