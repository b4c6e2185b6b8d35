// SPDX-License-Identifier: GPL-2.0-only
#include "payload/elf/object.h"
#include "tools/xlp/names.h"
#include "tools/xlp/verbs.h"

#include <fmt/format.h>

namespace xlp::host {
namespace {

namespace po = cli::po;

struct Item {
    std::string name;
    elf::Bytes bytes;
    bool uploaded = false;
};

Result<std::vector<Item>> read_all(const std::vector<std::string>& files) {
    std::vector<Item> items;
    Findings wrong;
    for (const std::string& file : files) {
        const std::string name = name_of_file(file);
        if (auto ok = check_new_name(name); !ok)
            append(wrong, ok.error());
        auto bytes = elf::read_file(file);
        if (bytes)
            items.push_back({name, std::move(*bytes)});
        else
            append(wrong, bytes.error());
    }
    if (has_errors(wrong))
        return tl::unexpected(wrong);
    return items;
}

Result<void> load_all(Operator& op, std::vector<Item>& items, std::uint32_t flags) {
    for (Item& i : items) {
        if (auto done = op.upload(i.name, i.bytes); !done)
            return done;
        i.uploaded = true;
        if (auto done = op.act(Action::apply, i.name, flags); !done)
            return tl::unexpected(done.error());
    }
    return {};
}

void undo(Operator& op, const std::vector<Item>& items, Findings& findings) {
    for (auto i = items.rbegin(); i != items.rend(); ++i) {
        if (!i->uploaded)
            continue;
        for (Action action : {Action::revert, Action::unload})
            if (auto done = op.act(action, i->name); !done)
                append(findings, done.error());
    }
}

} // namespace

cli::Verb load_verb(const Machine& machine) {
    cli::Verb v{"load",
                "FILE...",
                "upload and apply payloads in order: all of them, or none",
                po::options_description("Load"),
                {"file..."},
                {},
                {}};
    v.options.add_options()("file", po::value<std::vector<std::string>>()->required())(
        "nodeps", "do not check what they stack on, only the hypervisor");
    add_action_options(v.options);
    v.run = [&machine](const po::variables_map& vm, const cli::Output& out, cli::Json& doc,
                       Findings& findings) -> Result<void> {
        auto items = read_all(vm["file"].as<std::vector<std::string>>());
        if (!items)
            return tl::unexpected(items.error());
        auto s = open_session(machine, vm, out);
        if (!s)
            return tl::unexpected(s.error());
        doc["xen"] = describe(*s);
        auto done = load_all(*s->op, *items, vm.count("nodeps") ? nodeps_flag : 0);
        if (!done) {
            undo(*s->op, *items, findings);
            return done;
        }
        for (const Item& i : *items) {
            doc["loaded"].push_back(i.name);
            out.text(fmt::format("{}: applied", i.name));
        }
        return {};
    };
    return v;
}

} // namespace xlp::host
