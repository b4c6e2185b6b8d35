// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/libxenctrl.h"

#include "payload/base/bytes.h"
#include "payload/elf/note.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/privcmd.h"
#include "tools/xlp/hypervisor/xen_abi.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

namespace xlp::host {
namespace {

namespace fs = std::filesystem;

struct Interface; // xc_interface

// The call forms of tools/include/xenctrl.h. The newest is used for all: upload's `force` (4.19)
// and the actions' `flags` (4.14) are further trailing integers, which travel in registers on
// every ABI that Xen has and which an older library does not look at. LIST is not so: its form is
// told by whether xc_livepatch_list_get_sizes exists (4.14).
struct Calls {
    Interface* (*open)(void* logger, void* dombuild_logger, unsigned flags);
    int (*close)(Interface*);
    int (*version)(Interface*, int cmd, void* arg);
    int (*upload)(Interface*, char* name, unsigned char* payload, std::uint32_t size, bool force);
    int (*get)(Interface*, char* name, abi::GetStatus*);
    int (*list)(Interface*, unsigned max, unsigned start, abi::GetStatus*, char* name,
                std::uint32_t* len, std::uint32_t name_size, char* metadata,
                std::uint32_t* metadata_len, std::uint32_t metadata_size, unsigned* done,
                unsigned* left);
    int (*list_sizes)(Interface*, unsigned* nr, std::uint32_t* names, std::uint32_t* metadata);
    int (*old_list)(Interface*, unsigned max, unsigned start, abi::GetStatus*, char* name,
                    std::uint32_t* len, unsigned* done, unsigned* left);
    int (*unload)(Interface*, char* name, std::uint32_t timeout, std::uint32_t flags);
    int (*revert)(Interface*, char* name, std::uint32_t timeout, std::uint32_t flags);
    int (*apply)(Interface*, char* name, std::uint32_t timeout, std::uint32_t flags);
    int (*replace)(Interface*, char* name, std::uint32_t timeout, std::uint32_t flags);
};

struct Unload {
    void operator()(void* h) const { ::dlclose(h); }
};
using Library = std::unique_ptr<void, Unload>;

template <class F>
bool bind(const Library& lib, F& function, const char* name) {
    function = reinterpret_cast<F>(::dlsym(lib.get(), name));
    return function != nullptr;
}

// False when the library lacks one of the calls: older than live-patching (4.7).
bool bind_all(const Library& lib, Calls& c) {
    bind(lib, c.list_sizes, "xc_livepatch_list_get_sizes");
    return bind(lib, c.open, "xc_interface_open") && bind(lib, c.close, "xc_interface_close")
           && bind(lib, c.version, "xc_version") && bind(lib, c.upload, "xc_livepatch_upload")
           && bind(lib, c.get, "xc_livepatch_get") && bind(lib, c.list, "xc_livepatch_list")
           && bind(lib, c.old_list, "xc_livepatch_list")
           && bind(lib, c.unload, "xc_livepatch_unload")
           && bind(lib, c.revert, "xc_livepatch_revert") && bind(lib, c.apply, "xc_livepatch_apply")
           && bind(lib, c.replace, "xc_livepatch_replace");
}

class Libxenctrl final : public Hypervisor {
public:
    Libxenctrl(Library lib, const Calls& calls, std::string name)
        : lib_(std::move(lib)), calls_(calls), name_(std::move(name)) {}
    ~Libxenctrl() override {
        if (xch_)
            calls_.close(xch_);
    }

    Call<void> open() {
        xch_ = calls_.open(nullptr, nullptr, 0);
        if (!xch_)
            return xen_error(errno ? errno : ENODEV);
        return {};
    }

    std::string transport() const override { return name_; }
    Call<Identity> identity() override;
    Call<std::vector<Payload>> list() override;

    Call<Status> get(const std::string& name) override {
        abi::GetStatus s{};
        std::string n = name;
        if (calls_.get(xch_, n.data(), &s) < 0)
            return xen_error(errno);
        return Status{static_cast<State>(s.state), s.rc};
    }

    Call<void> upload(const std::string& name, std::span<const std::uint8_t> payload,
                      bool force) override {
        std::string n = name;
        // the library takes a non-const pointer and only copies from it
        auto* bytes = const_cast<unsigned char*>(payload.data());
        if (calls_.upload(xch_, n.data(), bytes, static_cast<std::uint32_t>(payload.size()), force)
            < 0)
            return xen_error(errno);
        return {};
    }

    Call<void> act(Action action, const std::string& name, std::uint32_t timeout_ns,
                   std::uint32_t flags) override {
        std::string n = name;
        auto call = action == Action::unload    ? calls_.unload
                    : action == Action::revert  ? calls_.revert
                    : action == Action::replace ? calls_.replace
                                                : calls_.apply;
        if (call(xch_, n.data(), timeout_ns, flags) < 0)
            return xen_error(errno);
        return {};
    }

private:
    Call<std::vector<Payload>> list_packed();
    Call<std::vector<Payload>> list_old();

    Library lib_;
    Calls calls_;
    std::string name_;
    Interface* xch_ = nullptr;
};

Call<Identity> Libxenctrl::identity() {
    int version = calls_.version(xch_, abi::xenver_version, nullptr);
    if (version < 0)
        return xen_error(errno);
    Identity id;
    id.major = static_cast<unsigned>(version) >> 16;
    id.minor = static_cast<unsigned>(version) & 0xffff;
    char extra[abi::extraversion_size + 1] = {};
    if (calls_.version(xch_, abi::xenver_extraversion, extra) >= 0)
        id.extra = extra;
    char command_line[abi::commandline_size + 1] = {};
    if (calls_.version(xch_, abi::xenver_commandline, command_line) >= 0)
        id.command_line = command_line;
    abi::BuildId build{sizeof(build.bytes), {}};
    if (int n = calls_.version(xch_, abi::xenver_build_id, &build); n > 0)
        id.build_id = hex({build.bytes, std::min<std::size_t>(n, sizeof(build.bytes))});
    return id;
}

Call<std::vector<Payload>> Libxenctrl::list() {
    return calls_.list_sizes ? list_packed() : list_old();
}

// The library's own loop goes wrong when the list changes under it, so a count that does not fit
// means: ask again.
Call<std::vector<Payload>> Libxenctrl::list_packed() {
    constexpr std::uint32_t slack_names = 64 * 128, slack_metadata = 256 << 10;
    for (int attempt = 0; attempt < 8; ++attempt) {
        unsigned nr = 0, done = 0, left = 0;
        std::uint32_t names = 0, metadata = 0;
        if (calls_.list_sizes(xch_, &nr, &names, &metadata) < 0)
            return xen_error(errno);
        if (nr == 0)
            return std::vector<Payload>{};
        // 4.14 to 4.20 write whatever there is into the room given, so there is more than enough
        std::string name(names + slack_names, '\0'), meta(metadata + slack_metadata, '\0');
        std::vector<abi::GetStatus> status(nr);
        std::vector<std::uint32_t> len(nr), meta_len(nr);
        if (calls_.list(xch_, nr, 0, status.data(), name.data(), len.data(),
                        static_cast<std::uint32_t>(name.size()), meta.data(), meta_len.data(),
                        static_cast<std::uint32_t>(meta.size()), &done, &left)
            < 0) {
            if (errno == EBUSY || errno == EINVAL || errno == ENOBUFS)
                continue;
            return xen_error(errno);
        }
        if (done != nr || left)
            continue;
        std::vector<Payload> all;
        std::size_t name_off = 0, meta_off = 0;
        for (unsigned i = 0; i < nr; ++i) {
            if (name_off + len[i] > name.size() || meta_off + meta_len[i] > meta.size())
                return xen_error(ENOBUFS);
            const char* n = name.data() + name_off;
            all.push_back({std::string(n, ::strnlen(n, len[i])),
                           {static_cast<State>(status[i].state), status[i].rc},
                           meta.substr(meta_off, meta_len[i])});
            name_off += len[i];
            meta_off += meta_len[i];
        }
        return all;
    }
    return xen_error(EBUSY);
}

// Before 4.14. Eleven at a time: the library sizes a buffer wrongly from 33 on.
Call<std::vector<Payload>> Libxenctrl::list_old() {
    constexpr unsigned batch = 11;
    std::vector<Payload> all;
    for (unsigned left = 1; left;) {
        abi::GetStatus status[batch] = {};
        char name[batch * abi::old_name_stride] = {};
        std::uint32_t len[batch] = {};
        unsigned done = 0;
        left = 0;
        if (calls_.old_list(xch_, batch, static_cast<unsigned>(all.size()), status, name, len,
                            &done, &left)
            < 0) {
            if (errno == EINVAL) // none, or none any more
                break;
            return xen_error(errno);
        }
        for (unsigned i = 0; i < std::min(done, batch); ++i) {
            const char* n = name + i * abi::old_name_stride;
            all.push_back({std::string(n, ::strnlen(n, abi::old_name_stride)),
                           {static_cast<State>(status[i].state), status[i].rc},
                           {}});
        }
        if (!done)
            break;
    }
    return all;
}

std::string read_word(const char* path) {
    std::ifstream f(path);
    std::string s;
    f >> s;
    return s;
}

// Candidates, best first: the running Xen's release by the loader's own search, by the places
// where Xen's own installs and Debian put it, then whatever there is.
std::vector<std::string> candidates() {
    std::vector<std::string> names;
    const std::string major = read_word("/sys/hypervisor/version/major");
    const std::string minor = read_word("/sys/hypervisor/version/minor");
    std::string release;
    if (!major.empty() && !minor.empty()) {
        release = fmt::format("libxenctrl.so.{}.{}", major, minor);
        names.push_back(release);
    }
    std::vector<std::string> others;
    std::vector<fs::path> folders = {"/usr/lib",         "/usr/lib64", "/usr/local/lib",
                                     "/usr/local/lib64", "/lib",       "/lib64"};
    std::error_code ec;
    for (const char* parent : {"/usr/lib", "/usr/local/lib", "/lib"})
        for (const auto& e : fs::directory_iterator(parent, ec)) {
            const std::string n = e.path().filename();
            if (n.ends_with("-linux-gnu") || n.ends_with("-linux-gnueabihf"))
                folders.push_back(e.path());
            if (n.starts_with("xen-"))
                folders.push_back(e.path() / "lib");
        }
    for (const fs::path& folder : folders)
        for (const auto& e : fs::directory_iterator(folder, ec)) {
            const std::string n = e.path().filename();
            if (n.starts_with("libxenctrl.so.4."))
                (n == release ? names : others).push_back(e.path());
        }
    // newest first: names compare by number
    std::sort(others.begin(), others.end(), [](const std::string& a, const std::string& b) {
        return ::strverscmp(a.c_str(), b.c_str()) > 0;
    });
    names.insert(names.end(), others.begin(), others.end());
    names.emplace_back("libxenctrl.so");
    return names;
}

} // namespace

Result<std::unique_ptr<Hypervisor>> open_libxenctrl(const std::string& library) {
    // without the device the library only prints complaints of its own
    if (auto device = privcmd_device(); !device)
        return fail(device);
    const std::vector<std::string> tries =
        library.empty() ? candidates() : std::vector<std::string>{library};
    bool found = false, too_old = false;
    std::string load_error;
    for (const std::string& name : tries) {
        Library lib(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL));
        if (!lib) {
            const char* error = ::dlerror();
            load_error = error ? error : "unknown reason";
            continue;
        }
        found = true;
        Calls calls{};
        if (!bind_all(lib, calls)) {
            too_old = true;
            continue;
        }
        auto xen =
            std::make_unique<Libxenctrl>(std::move(lib), calls, fs::path(name).filename().string());
        if (auto opened = xen->open(); !opened)
            return fail(explain_connect(opened.error()));
        auto listed = xen->list();
        if (listed)
            return xen;
        if (listed.error().code != EACCES) // EACCES: of another release; the next may fit
            return fail(explain_connect(listed.error()));
    }
    if (!found)
        return fail(environment(
            "host.no-libxenctrl",
            library.empty() ? "No libxenctrl is installed."
                            : fmt::format("{} cannot be loaded: {}.", library, load_error),
            "Install the Xen tools of the running hypervisor's release, or use --via privcmd."));
    return fail(environment(
        "host.interface",
        too_old ? "The installed libxenctrl predates live patching (Xen 4.7)."
                : "No installed libxenctrl matches the running hypervisor's release (EACCES).",
        "Install the Xen tools of the running hypervisor's release, or use --via privcmd."));
}

} // namespace xlp::host
