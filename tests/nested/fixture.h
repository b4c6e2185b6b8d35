// SPDX-License-Identifier: GPL-2.0-only
// What the nested tests share: the assets, one cache of saved states, and payloads assembled from
// sample.S.
#pragma once

#include "tools/xlp-qa/scenario/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace xlp::qa {

// The folder with hypervisor, symbols and kernel; nothing when there is none.
std::optional<Assets> nested_assets();

class Nested : public testing::Test {
protected:
    // Skips the test when there are no assets, or fails it, when XLP_REQUIRE_NESTED is set.
    void SetUp() override;
    // For a SetUp: the same where there is no launcher of guests.
    void require_launcher();
    // No test leaves a process behind.
    void TearDown() override;

    struct Sample {
        std::string extra = "-patched"; // what xen_extra_version() returns instead
        std::string depends = {};       // build-id; empty: the hypervisor's
        std::string xen_depends = {};   // the same
        std::string own = "0123456789abcdef";
        std::vector<std::string> options = {}; // further ones for the assembler
    };
    Payload assemble(const std::string& name, const Sample&);

    Result<Testbed> testbed() { return Testbed::prepare(assets, settings); }
    // Runs a plan; fails the test when that is not possible.
    Outcome run(const Plan&);

    // A script in this test's own folder.
    fs::path script(const std::string& name, const std::string& text);

    Assets assets;
    Settings settings;
    std::optional<cache::Scratch> folder;
};

// The step of that name; fails the test when there is none.
const StepResult& step(const Outcome&, const std::string& name);

// The outcome as text, for messages.
std::string describe(const Outcome&);

} // namespace xlp::qa
