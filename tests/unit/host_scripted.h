// SPDX-License-Identifier: GPL-2.0-only
// A hypervisor for tests that holds the rules of the real one (xen/common/livepatch.c, as
// livepatch_upload() and livepatch_action() have them) and can fail, or kill its caller, at any
// call.
#pragma once

#include "tools/xlp/disk/paths.h"
#include "tools/xlp/executor/clock.h"
#include "tools/xlp/hypervisor/hypervisor.h"
#include "tools/xlp/plan/plan.h"

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xlp::host::test {

// The caller dies here: nothing catches it but the test.
struct Killed {};

// Time that passes only when someone sleeps.
class TestClock final : public Clock {
public:
    Nanoseconds now() override {
        std::lock_guard hold(mutex_);
        return now_;
    }
    void sleep(Nanoseconds d) override {
        std::lock_guard hold(mutex_);
        now_ += d;
    }

private:
    std::mutex mutex_;
    Nanoseconds now_{0};
};

// A folder in place of /, new for each run.
struct Root {
    Paths paths;
    Root();
    ~Root();
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;
    void reboot(const std::string& boot);
};

// Ids are 20 bytes: a short word is padded.
std::string id(const std::string& word);
inline const std::string xen_id = id("5e");

struct PayloadSpec {
    std::string build_id;         // hex
    std::string depends = xen_id; // hex
    std::string xen = xen_id;
    bool data = false;        // brings writable data: cannot be applied twice
    std::string modinfo = {}; // "key=value\0..."; empty: one that names the content
    bool bare = false;        // without .modinfo
    bool preapply = false;    // has such a hook
    std::string function = "do_xen_version";
    std::uint64_t old_address = 0; // of that function, in its record
    std::string omit = {};         // a section to leave out
};

// A loadable ELF object.
std::vector<std::uint8_t> make_payload(const PayloadSpec&);
std::shared_ptr<const Blob> make_blob(const PayloadSpec&);
// Writes it; gives the path.
std::filesystem::path write_payload(const std::filesystem::path&, const PayloadSpec&);

struct ScriptedXen {
    struct Entry {
        std::string name, build_id, depends, metadata;
        Status status;
        bool data = false, was_applied = false;
        std::optional<Action> pending;
        std::uint32_t timeout = 0;
        Nanoseconds done_at{0};
    };

    explicit ScriptedXen(Clock& c) : clock(c) {}

    Clock& clock;
    std::mutex mutex;
    std::vector<Entry> entries;     // in upload order
    std::vector<std::string> stack; // applied, in order
    Identity identity{4, 17, ".5", xen_id, ""};

    Nanoseconds latency = std::chrono::milliseconds(20);   // of an action
    Nanoseconds rendezvous = std::chrono::milliseconds(1); // less time than this: -EBUSY
    std::set<std::string> refuses_expectations;            // build-ids: EINVAL at apply
    std::set<std::string> hypervisor_ids_with_veto;        // build-ids: EOPNOTSUPP at replace
    int replace_fails_after = -1;                          // reverts, then EINVAL
    int refuse_schedules = 0;                              // EBUSY that leaves -EAGAIN behind
    std::function<void(ScriptedXen&, int call)> on_call;   // before each call, numbered from 1

    int calls = 0;
    std::map<int, int> fail_at;                 // call -> errno, without effect
    std::optional<int> kill_before, kill_after; // call

    Entry* find(const std::string& name);
    void advance();      // lets scheduled actions end whose time has come
    Snapshot snapshot(); // with everything ended

private:
    void finish(Entry&);
};

// A connection; several may share one ScriptedXen.
class ScriptedHypervisor final : public Hypervisor {
public:
    explicit ScriptedHypervisor(ScriptedXen& xen) : xen_(xen) {}
    std::string transport() const override { return "script"; }
    Call<Identity> identity() override;
    Call<std::vector<Payload>> list() override;
    Call<Status> get(const std::string& name) override;
    Call<void> upload(const std::string& name, std::span<const std::uint8_t>, bool force) override;
    Call<void> act(Action, const std::string& name, std::uint32_t timeout_ns,
                   std::uint32_t flags) override;

private:
    template <class F>
    auto call(F body) -> decltype(body());
    Call<void> take(Action, ScriptedXen::Entry&, std::uint32_t flags);
    ScriptedXen& xen_;
};

} // namespace xlp::host::test
