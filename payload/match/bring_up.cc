// SPDX-License-Identifier: GPL-2.0-only
#include "payload/match/bring_up.h"

#include "payload/match/xrefs.h"

#include <algorithm>
#include <set>
#include <vector>

namespace xlp::match {

namespace {

// Callers of callers are followed no further: code that so much leads to runs at other times too.
constexpr unsigned max_levels = 6;
constexpr std::size_t max_functions = 256;

bool is_root_code(std::string_view name) {
    static const std::set<std::string_view> roots = {"start_secondary", "__high_start",
                                                     "enter_state", "enter_state_helper"};
    return roots.contains(name);
}

bool is_root_table(std::string_view name) {
    return name.ends_with("_cpu_dev") || name.ends_with("_ucode_ops")
           || (name.starts_with("microcode_") && name.ends_with("_ops")) || name.ends_with("_nfb");
}

class Search {
public:
    Search(const xen::Image& image, const disasm::Disassembler& d)
        : image_(image), disassembler_(d) {}

    std::map<std::string, std::string> run(std::span<const Site> sites) {
        std::set<Address> frontier;
        for (const Site& s : sites)
            frontier.insert(s.address);
        for (unsigned level = 0; level < max_levels && !frontier.empty(); ++level) {
            if (functions_.size() + frontier.size() > max_functions)
                break;
            frontier = look(frontier);
            spread();
            if (std::all_of(sites.begin(), sites.end(),
                            [&](const Site& s) { return functions_.at(s.address).at_run_time; }))
                return {};
        }
        for (Address open : frontier) // not looked at any more
            functions_[open].at_run_time = true;
        spread();
        std::map<std::string, std::string> found;
        for (const Site& s : sites)
            if (const Function& f = functions_.at(s.address); !f.at_run_time && !f.by.empty())
                found.emplace(s.name, f.by);
        return found;
    }

private:
    struct Function {
        bool at_run_time = false;
        std::set<Address> callers; // functions
        std::string by;            // some user
    };

    // Notes who uses these functions; gives the callers that were not seen before.
    std::set<Address> look(const std::set<Address>& level) {
        std::vector<Range> entries;
        for (Address a : level) {
            functions_[a];
            entries.push_back({a, a + 1});
        }
        const Xrefs xrefs = Xrefs::find(image_, entries, disassembler_);
        for (const Xref& x : xrefs.all())
            use(functions_.at(x.to), x);
        std::set<Address> next;
        for (Address a : level) {
            Function& f = functions_.at(a);
            f.at_run_time |= f.by.empty();
            for (Address c : f.callers)
                if (!functions_.contains(c))
                    next.insert(c);
        }
        return next;
    }

    void use(Function& f, const Xref& x) {
        const std::string_view user = xen::plain_name(x.symbol);
        f.by = user;
        if (x.kind == Xref::Kind::pointer) {
            f.at_run_time |= !is_root_table(user);
        } else if (x.kind != Xref::Kind::branch) {
            f.at_run_time = true; // its address goes who knows where
        } else if (!image_.in_init(x.from) && !is_root_code(user)) {
            if (const auto caller = function_at(x.from))
                f.callers.insert(*caller);
            else
                f.at_run_time = true;
        }
    }

    // Start of the function that the code belongs to; of a cold part, its parent's.
    std::optional<Address> function_at(Address a) const {
        const xen::ImageSymbol* s = image_.covering(a);
        if (!s || s->name.empty())
            return std::nullopt;
        const std::size_t cold = s->name.find(".cold");
        return cold == std::string::npos ? s->address : image_.resolve(s->name.substr(0, cold));
    }

    // What is called at run time runs at run time.
    void spread() {
        for (bool again = true; again;) {
            again = false;
            for (auto& [address, f] : functions_) {
                if (f.at_run_time)
                    continue;
                f.at_run_time = std::any_of(f.callers.begin(), f.callers.end(), [&](Address c) {
                    auto it = functions_.find(c);
                    return it != functions_.end() && it->second.at_run_time;
                });
                again |= f.at_run_time;
            }
        }
    }

    const xen::Image& image_;
    const disasm::Disassembler& disassembler_;
    std::map<Address, Function> functions_;
};

} // namespace

std::map<std::string, std::string>
bring_up_only(const xen::Image& image, std::span<const Site> sites, const disasm::Disassembler& d) {
    return Search(image, d).run(sites);
}

} // namespace xlp::match
