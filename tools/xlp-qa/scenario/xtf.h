// SPDX-License-Identifier: GPL-2.0-only
// Tests of the Xen Test Framework (XTF): small guests, each of which ends in a word of its own.
#pragma once

#include "tools/xlp-qa/scenario/testbed.h"

namespace xlp::qa {

struct XtfTest {
    std::string name;        // "xsa-454"
    std::string environment; // "pv64", "hvm32pae", ...; "pvh64" is an hvm64 image started as PVH
    std::string variation;   // "~hap", or empty
    fs::path image;
    std::string kind; // "pv", "pvh", "hvm"
    unsigned vcpus = 1;
    unsigned viridian = 0; // HVM_PARAM_VIRIDIAN
    bool hap = true;
    bool nested = false;
    unsigned event_channels = 1023;
    std::string command_line;

    std::string label() const { return name + variation + ":" + environment; }
};

// Tests in the tree of a built XTF. `wanted` are NAME[~VARIATION][:ENVIRONMENT]; empty: all there
// are. What info.json and the .cfg files say is honoured. Errors (bad input): `qa.no-xtf`,
// `qa.no-test`, `qa.xtf-malformed`.
Result<std::vector<XtfTest>> find_xtf_tests(const fs::path& tree,
                                            const std::vector<std::string>& wanted);

// What a test's .cfg says, written over `test`.
void read_xtf_config(const std::string& text, XtfTest& test);

enum class XtfEnd {
    success,
    skip,    // it says that it cannot be run here
    error,   // it says that it is at fault itself
    failure, // it says that the hypervisor is
    crash,   // the guest died without a word
    hang,    // the guest, or the hypervisor, did nothing more
    died,    // the hypervisor did
    unknown  // it was not run, or the machine failed
};
const char* to_string(XtfEnd);

struct XtfSeen {
    XtfEnd end = XtfEnd::unknown;
    std::string why;              // one line
    std::string console;          // the guest's
    std::vector<std::string> log; // the hypervisor's, the report of its death included
};

Step xtf_step(const XtfTest&, std::size_t number, const std::string& state);
Member xtf_file(const XtfTest&, std::size_t number, std::string bytes);
XtfSeen xtf_seen(const Outcome&, const std::string& step_name);

// Why this test says nothing under emulation; empty: it does.
std::string not_testable(const XtfTest&, const std::string& accelerator);

// FAILURE, a hang, or the hypervisor's death.
bool is_vulnerable(XtfEnd);

} // namespace xlp::qa
