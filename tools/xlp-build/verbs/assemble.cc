// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-build/verbs/assemble.h"

#include "payload/base/bytes.h"

#include <algorithm>
#include <fmt/format.h>

namespace xlp::build {

namespace po = cli::po;
using cli::strings;

namespace {

using Strings = std::vector<std::string>;

// It becomes a file's name, a name in the hypervisor (of less than 128 bytes,
// XEN_LIVEPATCH_NAME_SIZE) and a word in many texts.
bool good_name(const std::string& name) {
    return !name.empty() && name.size() < 128 && name[0] != '.' && name[0] != '-'
           && std::all_of(name.begin(), name.end(), [](unsigned char c) {
                  return c >= ' ' && c != 0x7f && c != '/' && c != '\\';
              });
}

Result<elf::BuildId> depends_of(const po::variables_map& vm) {
    if (!vm.count("depends"))
        return elf::BuildId{};
    const std::string given = vm["depends"].as<std::string>();
    auto id = from_hex(given);
    if (!id || id->empty())
        return fail(
            wrong_usage(fmt::format("--depends takes a hexadecimal build-id, not `{}'.", given)));
    return *id;
}

Result<std::vector<diff::Bound>> bound_of(const po::variables_map& vm) {
    std::vector<diff::Bound> bound;
    for (const std::string& s : strings(vm, "bind")) {
        const std::size_t equals = s.find('=');
        if (equals == s.npos || equals == 0 || equals + 1 == s.size())
            return fail(wrong_usage(fmt::format("--bind takes NEW=OLD, not `{}'.", s)));
        const std::string old = s.substr(equals + 1);
        // as the hypervisor names it, or as the source does
        bound.push_back({s.substr(0, equals), std::string(xen::plain_name(old))});
    }
    return bound;
}

} // namespace

void add_payload_options(po::options_description& options) {
    const auto list = [] { return po::value<Strings>(); };
    add_image_options(options);
    options.add_options()(
        "depends", po::value<std::string>()->value_name("BUILD_ID"),
        "build-id of the payload that this one goes on top of (default: the hypervisor)")(
        "allow", list()->value_name("CODE[:NAME]"),
        "accept refusals with this code, or only for one function or variable (repeatable)")(
        "leave-out", list()->value_name("FUNCTION"),
        "let this changed function keep its old code (repeatable)")(
        "bind", list()->value_name("NEW=OLD"),
        "bind variable or function NEW of the patched source to the hypervisor's OLD (repeatable)");
}

Result<pipeline::Options> read_payload_options(const po::variables_map& vm, std::string name) {
    if (!good_name(name))
        return fail(wrong_usage("A payload's name has up to 127 characters, contains no slashes or "
                                "control characters, and does not begin with a dot or a dash."));
    auto depends = depends_of(vm);
    if (!depends)
        return fail(depends);
    auto bound = bound_of(vm);
    if (!bound)
        return fail(bound);
    pipeline::Options options;
    options.name = std::move(name);
    options.depends = std::move(*depends);
    options.bound = std::move(*bound);
    options.allowances.granted = strings(vm, "allow");
    options.left_out = strings(vm, "leave-out");
    return options;
}

Result<pipeline::Assembly> assemble(std::vector<pipeline::ObjectPair> pairs,
                                    const xen::Image& image, pipeline::Options options,
                                    const Compile& compile) {
    pipeline::Pipeline passes(std::move(pairs), image, std::move(options));
    for (;;) {
        auto needs = passes.advance();
        if (!needs)
            return fail(needs);
        if (needs->empty())
            return std::move(passes).result();
        for (const pipeline::Need& n : *needs) {
            auto object = compile(n);
            if (!object)
                return fail(object);
            if (auto ok = passes.supply(n, *object); !ok)
                return fail(ok);
        }
    }
}

} // namespace xlp::build
