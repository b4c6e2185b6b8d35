// SPDX-License-Identifier: GPL-2.0-only
#include "host_scripted.h"
#include "payload/base/bytes.h"

#include "payload/base/file.h"
#include "payload/elf/note.h"
#include "payload/elf/writer.h"
#include "tools/xlp/plan/blob.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <gtest/gtest.h>
#include <unistd.h>

namespace xlp::host::test {

namespace fs = std::filesystem;

Root::Root() { // in memory where that is possible: every write is synced
    const fs::path parent = fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
    std::string name = (parent / "xlp-root-XXXXXX").string();
    paths.root = ::mkdtemp(name.data());
    reboot("first");
}

Root::~Root() {
    std::error_code ec;
    fs::remove_all(paths.root, ec);
}

void Root::reboot(const std::string& boot) {
    fs::create_directories(paths.boot_id().parent_path());
    EXPECT_TRUE(write_file(paths.boot_id(), boot + "\n"));
}

fs::path write_payload(const fs::path& file, const PayloadSpec& spec) {
    fs::create_directories(file.parent_path());
    EXPECT_TRUE(write_file(file, as_text(make_payload(spec))));
    return file;
}

std::string id(const std::string& word) {
    std::string s = word;
    s.resize(40, '0');
    return s;
}

std::vector<std::uint8_t> make_payload(const PayloadSpec& p) {
    elf::NewObject o;
    const auto section = [&](std::string name, std::uint32_t type, std::uint64_t flags,
                             Bytes bytes) -> std::size_t {
        if (name == p.omit)
            return 0;
        elf::NewSection s;
        s.name = std::move(name);
        s.type = type;
        s.flags = flags;
        s.align = 8;
        s.bytes = std::move(bytes);
        o.sections.push_back(std::move(s));
        return o.sections.size();
    };
    const auto note = [&](const char* name, const std::string& hex) {
        section(name, SHT_NOTE, SHF_ALLOC, elf::make_build_id_note(*from_hex(hex)));
    };
    const std::size_t text =
        section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, {0x31, 0xc0, 0xc3});
    o.symbols.push_back({"", 0, 0, static_cast<std::uint32_t>(text), STB_LOCAL, STT_SECTION});
    o.symbols.push_back({p.function, 0, 0, SHN_UNDEF, STB_GLOBAL, STT_NOTYPE});
    Bytes name(p.function.begin(), p.function.end());
    name.push_back(0);
    const std::size_t strings = section(".rodata.str", SHT_PROGBITS, SHF_ALLOC, name);
    o.symbols.push_back({"", 0, 0, static_cast<std::uint32_t>(strings), STB_LOCAL, STT_SECTION});
    Bytes record(104, 0);
    std::memcpy(&record[16], &p.old_address, sizeof p.old_address);
    record[24] = 3;  // new_size
    record[28] = 16; // old_size
    record[32] = 2;  // version
    if (const std::size_t n =
            section(".livepatch.funcs", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, record)) {
        auto& relocations = o.sections[n - 1].relocations;
        relocations = {{0, R_X86_64_64, 2, 0}, {8, R_X86_64_64, 0, 0}};
        if (!p.old_address)
            relocations.push_back({16, R_X86_64_64, 1, 0});
    }
    note(".note.gnu.build-id", p.build_id);
    note(".livepatch.depends", p.depends);
    note(".livepatch.xen_depends", p.xen);
    if (p.data)
        section(".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, Bytes(8, 1));
    if (p.preapply)
        section(".livepatch.hooks.preapply", SHT_PROGBITS, SHF_ALLOC, Bytes(8, 0));
    const std::string modinfo = p.modinfo.empty() ? "content=" + p.build_id + '\0' : p.modinfo;
    if (!p.bare)
        section(".modinfo", SHT_PROGBITS, SHF_ALLOC, {modinfo.begin(), modinfo.end()});
    auto bytes = elf::write_object(o);
    EXPECT_TRUE(bytes) << bytes.error().front().why;
    return bytes ? *bytes : Bytes();
}

std::shared_ptr<const Blob> make_blob(const PayloadSpec& p) {
    const Root scratch;
    auto blob = read_blob(write_payload(scratch.paths.root / "payload.livepatch", p));
    EXPECT_TRUE(blob);
    return *blob;
}

ScriptedXen::Entry* ScriptedXen::find(const std::string& name) {
    auto it = std::find_if(entries.begin(), entries.end(),
                           [&](const Entry& e) { return e.name == name; });
    return it == entries.end() ? nullptr : &*it;
}

void ScriptedXen::advance() {
    for (Entry& e : entries)
        if (e.pending && clock.now() >= e.done_at)
            finish(e);
}

Snapshot ScriptedXen::snapshot() {
    std::lock_guard hold(mutex);
    for (Entry& e : entries)
        if (e.pending)
            finish(e);
    Snapshot s;
    for (const Entry& e : entries)
        s.entries.push_back({e.name, e.status.state == State::applied, {}});
    return s;
}

// do_livepatch_work(), livepatch_do_action()
void ScriptedXen::finish(Entry& e) {
    const Action action = *std::exchange(e.pending, std::nullopt);
    if (Nanoseconds(e.timeout) < rendezvous) {
        e.status.rc = -EBUSY;
        return;
    }
    e.status.rc = 0;
    if (action == Action::revert) {
        stack.pop_back();
        e.status.state = State::checked;
        return;
    }
    if (action == Action::replace) {
        for (int done = 0; !stack.empty(); ++done) {
            if (done == replace_fails_after) {
                e.status.rc = -EINVAL;
                return;
            }
            find(stack.back())->status = {State::checked, 0};
            stack.pop_back();
        }
        if (refuses_expectations.count(e.build_id)) {
            e.status.rc = -EINVAL;
            return;
        }
    }
    stack.push_back(e.name);
    e.status.state = State::applied;
    e.was_applied = true;
}

template <class F>
auto ScriptedHypervisor::call(F body) -> decltype(body()) {
    std::lock_guard hold(xen_.mutex);
    const int n = ++xen_.calls;
    if (xen_.on_call)
        xen_.on_call(xen_, n);
    if (xen_.kill_before == n)
        throw Killed{};
    xen_.advance();
    if (auto f = xen_.fail_at.find(n); f != xen_.fail_at.end())
        return xen_error(f->second);
    auto answer = body();
    if (xen_.kill_after == n)
        throw Killed{};
    return answer;
}

Call<Identity> ScriptedHypervisor::identity() {
    return call([&]() -> Call<Identity> { return xen_.identity; });
}

Call<std::vector<Payload>> ScriptedHypervisor::list() {
    return call([&]() -> Call<std::vector<Payload>> {
        std::vector<Payload> all;
        for (const auto& e : xen_.entries)
            all.push_back({e.name, e.status, e.metadata});
        return all;
    });
}

Call<Status> ScriptedHypervisor::get(const std::string& name) {
    return call([&]() -> Call<Status> {
        auto* e = xen_.find(name);
        if (!e)
            return xen_error(ENOENT);
        return e->status;
    });
}

Call<void> ScriptedHypervisor::upload(const std::string& name, std::span<const std::uint8_t> bytes,
                                      bool) {
    return call([&]() -> Call<void> {
        if (name.empty() || name.size() > name_limit || bytes.size() > payload_limit)
            return xen_error(EINVAL);
        if (xen_.find(name))
            return xen_error(EEXIST);
        auto object = elf::Object::parse({bytes.begin(), bytes.end()}, name);
        if (!object)
            return xen_error(EINVAL);
        const auto id_of = [&](const char* section) {
            const elf::Section* s = object->section(section);
            auto found = s ? elf::build_id_of_note(s->bytes) : std::nullopt;
            return found ? hex(*found) : std::string();
        };
        ScriptedXen::Entry e;
        e.name = name;
        e.build_id = id_of(".note.gnu.build-id");
        e.depends = id_of(".livepatch.depends");
        e.data = object->section(".data") != nullptr;
        if (const elf::Section* m = object->section(".modinfo"))
            e.metadata.assign(m->bytes.begin(), m->bytes.end());
        if (id_of(".livepatch.xen_depends") != xen_.identity.build_id || e.build_id.empty()
            || e.depends.empty())
            return xen_error(EINVAL);
        for (const auto& other : xen_.entries)
            if (other.build_id == e.build_id)
                return xen_error(EEXIST);
        xen_.entries.push_back(std::move(e));
        return {};
    });
}

Call<void> ScriptedHypervisor::act(Action action, const std::string& name, std::uint32_t timeout_ns,
                                   std::uint32_t flags) {
    return call([&]() -> Call<void> {
        auto* e = xen_.find(name);
        if (!e)
            return xen_error(ENOENT);
        if (e->pending)
            return xen_error(EBUSY);
        e->timeout = timeout_ns;
        return take(action, *e, flags);
    });
}

// livepatch_action(), its switch
Call<void> ScriptedHypervisor::take(Action action, ScriptedXen::Entry& e, std::uint32_t flags) {
    const bool applied = e.status.state == State::applied;
    const auto last = [&] {
        return xen_.stack.empty() ? xen_.identity.build_id : xen_.find(xen_.stack.back())->build_id;
    };
    switch (action) {
    case Action::unload:
        if (applied)
            return xen_error(EINVAL);
        std::erase_if(xen_.entries, [&](const auto& x) { return x.name == e.name; });
        return {};
    case Action::revert:
        if (!applied)
            return {};
        if (xen_.stack.back() != e.name)
            return xen_error(EBUSY);
        break;
    case Action::apply:
        if (applied)
            return {};
        if (e.was_applied && e.data) {
            e.status.rc = -EINVAL;
            return {};
        }
        if (!(flags & nodeps_flag) && e.depends != last())
            return xen_error(EINVAL);
        if (xen_.refuses_expectations.count(e.build_id))
            return xen_error(EINVAL);
        break;
    case Action::replace:
        if (applied)
            return {};
        if (e.depends != xen_.identity.build_id)
            return xen_error(EINVAL);
        if (xen_.hypervisor_ids_with_veto.count(e.build_id))
            return xen_error(EOPNOTSUPP);
        break;
    }
    e.status.rc = -EAGAIN;
    const bool other = std::any_of(xen_.entries.begin(), xen_.entries.end(),
                                   [](const auto& x) { return x.pending.has_value(); });
    if (other || xen_.refuse_schedules > 0) {
        xen_.refuse_schedules -= xen_.refuse_schedules > 0;
        return xen_error(EBUSY);
    }
    e.pending = action;
    e.done_at = xen_.clock.now() + xen_.latency;
    return {};
}

} // namespace xlp::host::test
