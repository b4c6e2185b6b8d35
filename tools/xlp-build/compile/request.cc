// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/compile/request.h"

#include "payload/base/json.h"
#include "tools/common/process.h"

#include <nlohmann/json.hpp>

namespace xlp::build {

namespace po = cli::po;

void add_request_options(po::options_description& options) {
    options.add_options()("source", po::value<std::string>()->required()->value_name("DIR"),
                          "the source tree that the hypervisor was built from; never modified")(
        "patch", po::value<std::vector<std::string>>()->required()->value_name("FILE"),
        "a patch to it (-p1; repeatable, applied in the order given)")(
        "config", po::value<std::string>()->value_name("FILE"),
        "the hypervisor's configuration (default: xen/.config in the source)")(
        "cc", po::value<std::string>()->default_value("gcc")->value_name("CC"),
        "the compiler that built the hypervisor; may include flags")(
        "launcher", po::value<std::string>()->default_value("")->value_name("CMD"),
        "prefix for each compiler command: ccache")(
        "make", po::value<std::vector<std::string>>()->value_name("VAR=VALUE"),
        "a variable for Xen's make (repeatable)")(
        "jobs,j", po::value<unsigned>()->default_value(0)->value_name("N"),
        "number of parallel compilations (default: one per CPU)")(
        "cache", po::value<std::string>()->value_name("DIR"),
        "directory for prepared sources and objects (default: ~/.cache/xlp)");
}

Request read_request(const po::variables_map& vm) {
    auto path = [&](const char* name) {
        return vm.count(name) ? std::filesystem::path(vm[name].as<std::string>())
                              : std::filesystem::path();
    };
    Request r;
    r.source = path("source");
    for (const std::string& p : vm["patch"].as<std::vector<std::string>>())
        r.patches.emplace_back(p);
    r.config = path("config");
    r.cache = path("cache");
    r.toolchain.cc = vm["cc"].as<std::string>();
    r.toolchain.launcher = vm["launcher"].as<std::string>();
    if (vm.count("make"))
        r.toolchain.make_variables = vm["make"].as<std::vector<std::string>>();
    const unsigned jobs = vm["jobs"].as<unsigned>();
    r.toolchain.jobs = jobs ? Jobs(jobs) : offered_jobs();
    return r;
}

Json to_json(const Unit& unit) {
    return {{"object", unit.object},       {"source", unit.source},
            {"assembly", unit.assembly},   {"init_only", unit.init_only},
            {"boot_code", unit.boot_code}, {"reasons", unit.reasons}};
}

} // namespace xlp::build
