// SPDX-License-Identifier: GPL-2.0-only
// The verbs of xlp-qa: what each takes.
#include "tools/xlp-qa/verbs/verbs.h"

#include "tools/xlp-qa/verbs/options.h"

namespace xlp::qa {

namespace {

using Work = Result<void> (*)(const po::variables_map&, const Output&, Json&, Findings&, int);

auto with(Work work, int cancel) {
    return [work, cancel](const po::variables_map& vm, const Output& out, Json& doc,
                          Findings& findings) { return work(vm, out, doc, findings, cancel); };
}

auto list() {
    return po::value<std::vector<std::string>>();
}

// A verb that runs machines: a base has all that one needs.
cli::Verb on_base(cli::Verb v) {
    return cli::with_base(
        std::move(v),
        {{"--xen", "hypervisor"}, {"--xen-syms", "xen_syms"}, {"--kernel", "kernel"}});
}

cli::Verb run_verb(int cancel) {
    auto options = machine_options();
    add_life_cycle_options(options);
    add_payload_argument(options, true);
    options.add_options()("probe", po::value<std::string>()->value_name("FILE"),
                          "a script or program to run in dom0, with the state (before, applied, "
                          "reverted) as its argument; exit code 0: as expected")(
        "file", list()->value_name("FILE"), "another file for the probe's directory (repeatable)")(
        "guest", list()->value_name("FILE[,KEY=VALUE...]"),
        "a guest that runs through every step (repeatable); keys: kind (pv, pvh, hvm), number, "
        "memory, vcpus")("xtf", po::value<std::string>()->value_name("DIR"),
                         "a built XTF tree")("test", list()->value_name("NAME[:ENV]"),
                                             "the XTF test that proves the payloads (repeatable)");
    return on_base(
        {"run",
         "PAYLOAD... --base NAME|DIR [OPTIONS]\n"
         "       xlp-qa run PAYLOAD... --xen FILE --xen-syms FILE --kernel FILE [OPTIONS]",
         "test one payload, or a stack of several, in a real hypervisor under QEMU",
         options,
         {"payload..."},
         "  xlp-qa run fix.livepatch --base debian-12\n"
         "  xlp-qa run fix.livepatch --xen boot/xen-4.17-amd64.gz \\\n"
         "      --xen-syms xen-syms-4.17-amd64 --kernel boot/vmlinuz-6.1.0-amd64\n",
         with(run, cancel)});
}

cli::Verb batch_verb(int cancel) {
    auto options = machine_options();
    add_life_cycle_options(options);
    add_payload_argument(options, true);
    options.add_options()("jobs,j", po::value<unsigned>()->default_value(2)->value_name("N"),
                          "number of machines in parallel");
    return on_base({"batch",
                    "DIR|PAYLOAD... --xen FILE --xen-syms FILE --kernel FILE [OPTIONS]",
                    "test many payloads, each on a fresh machine",
                    options,
                    {"payload..."},
                    {},
                    with(batch, cancel)});
}

cli::Verb xtf_verb(int cancel) {
    auto options = machine_options();
    add_payload_argument(options, false);
    options.add_options()("xtf", po::value<std::string>()->required()->value_name("DIR"),
                          "a built XTF tree")("all", "run every test")(
        "test", list()->value_name("NAME[:ENV]"), "run this test (repeatable)");
    return on_base(
        {"xtf",
         "[PAYLOAD...] --xtf DIR --all|--test NAME --xen FILE --xen-syms FILE --kernel FILE "
         "[OPTIONS]",
         "run XTF on a hypervisor, with and without payloads",
         options,
         {"payload..."},
         {},
         with(xtf, cancel)});
}

} // namespace

cli::Tool make_tool(int cancel) {
    return {"xlp-qa",
            "test live patches in a real hypervisor, without special hardware",
            {run_verb(cancel), batch_verb(cancel), xtf_verb(cancel)}};
}

} // namespace xlp::qa
