// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp/hypervisor/privcmd.h"

#include "payload/base/bytes.h"
#include "payload/base/descriptor.h"
#include "payload/elf/note.h"
#include "tools/xlp/hypervisor/errors.h"
#include "tools/xlp/hypervisor/xen_abi.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace xlp::host {
namespace {

// Memory that Xen may be handed: never moved or swapped while it is. The kernel's own device for
// that (Linux 4.18) where there is one, locked anonymous memory before.
class HypercallMemory {
public:
    explicit HypercallMemory(std::size_t size) : size_(size) {
        if (Descriptor dev{::open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC)})
            base_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, dev.get(), 0);
        if (base_ == MAP_FAILED)
            base_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
        if (base_ != MAP_FAILED)
            std::memset(base_, 0, size); // every page present before Xen looks
    }
    HypercallMemory(const HypercallMemory&) = delete;
    HypercallMemory& operator=(const HypercallMemory&) = delete;
    ~HypercallMemory() {
        if (base_ != MAP_FAILED)
            ::munmap(base_, size_);
    }
    bool ok() const { return base_ != MAP_FAILED; }
    template <class T>
    T* at(std::size_t offset = 0) {
        return reinterpret_cast<T*>(static_cast<std::byte*>(base_) + offset);
    }

private:
    void* base_ = MAP_FAILED;
    std::size_t size_;
};

std::uint64_t address(const void* p) {
    return reinterpret_cast<std::uintptr_t>(p);
}

constexpr std::size_t round8(std::size_t n) {
    return (n + 7) & ~std::size_t{7};
}

class Privcmd final : public Hypervisor {
public:
    explicit Privcmd(Descriptor fd) : fd_(std::move(fd)) {}

    // The interface version that the hypervisor answers to; Xen says EACCES to every other.
    Call<std::uint32_t> probe() {
        for (interface_ = abi::newest_interface; interface_ >= abi::oldest_interface;
             --interface_) {
            auto found = list_once(0, {});
            if (found)
                return interface_;
            if (found.error().code != EACCES)
                return fail(found);
        }
        return xen_error(EACCES);
    }

    std::string transport() const override {
        return fmt::format("privcmd (sysctl interface {:#x})", interface_);
    }
    Call<Identity> identity() override;
    Call<std::vector<Payload>> list() override;
    Call<Status> get(const std::string& name) override;
    Call<void> upload(const std::string& name, std::span<const std::uint8_t> payload,
                      bool force) override;
    Call<void> act(Action, const std::string& name, std::uint32_t timeout_ns,
                   std::uint32_t flags) override;

private:
    struct Page { // one LIST
        std::uint32_t version = 0, left = 0;
        std::uint32_t names = 0, metadata = 0; // bytes
        std::vector<Payload> payloads;
    };
    struct Room { // for one LIST
        std::uint32_t nr = 0, names = 0, metadata = 0;
    };

    Call<int> hypercall(std::uint64_t op, std::uint64_t a0, std::uint64_t a1 = 0);
    Call<int> sysctl(HypercallMemory&, abi::Op, std::uint32_t flags = 0);
    Call<Page> list_once(std::uint32_t idx, Room room);
    // Lays the name behind the Sysctl; Xen takes at most 128 bytes with the NUL.
    static Call<abi::Name> lay_name(HypercallMemory&, const std::string&);
    static constexpr std::size_t name_at = round8(sizeof(abi::Sysctl));
    static constexpr std::size_t rest_at = name_at + 128;

    Descriptor fd_;
    std::uint32_t interface_ = 0;
};

Call<int> Privcmd::hypercall(std::uint64_t op, std::uint64_t a0, std::uint64_t a1) {
    abi::PrivcmdHypercall call{op, {a0, a1, 0, 0, 0}};
    const unsigned long request = _IOC(_IOC_NONE, 'P', 0, sizeof(call));
    int rc = ::ioctl(fd_.get(), request, &call);
    if (rc < 0)
        return xen_error(errno);
    return rc;
}

Call<int> Privcmd::sysctl(HypercallMemory& m, abi::Op op, std::uint32_t flags) {
    auto* s = m.at<abi::Sysctl>();
    s->cmd = abi::sysctl_livepatch;
    s->interface_version = interface_;
    s->livepatch.cmd = static_cast<std::uint32_t>(op);
    s->livepatch.flags = flags;
    return hypercall(abi::hypercall_sysctl, address(s));
}

Call<abi::Name> Privcmd::lay_name(HypercallMemory& m, const std::string& name) {
    if (name.empty() || name.size() > name_limit)
        return xen_error(EINVAL);
    std::memcpy(m.at<char>(name_at), name.c_str(), name.size() + 1);
    return abi::Name{address(m.at<char>(name_at)), static_cast<std::uint16_t>(name.size() + 1), {}};
}

Call<Identity> Privcmd::identity() {
    HypercallMemory m(4096);
    if (!m.ok())
        return xen_error(ENOMEM);
    auto version = hypercall(abi::hypercall_xen_version, abi::xenver_version, 0);
    if (!version)
        return fail(version);
    Identity id;
    id.major = static_cast<unsigned>(*version) >> 16;
    id.minor = static_cast<unsigned>(*version) & 0xffff;
    if (hypercall(abi::hypercall_xen_version, abi::xenver_extraversion, address(m.at<char>())))
        id.extra.assign(m.at<char>(), ::strnlen(m.at<char>(), abi::extraversion_size));
    if (hypercall(abi::hypercall_xen_version, abi::xenver_commandline, address(m.at<char>())))
        id.command_line.assign(m.at<char>(), ::strnlen(m.at<char>(), abi::commandline_size));
    auto* build = m.at<abi::BuildId>();
    build->length = sizeof(build->bytes);
    if (auto n = hypercall(abi::hypercall_xen_version, abi::xenver_build_id, address(build)))
        id.build_id = hex({build->bytes, std::min<std::size_t>(*n, sizeof(build->bytes))});
    return id;
}

Call<Privcmd::Page> Privcmd::list_once(std::uint32_t idx, Room room) {
    const bool old = interface_ < abi::metadata_interface;
    const std::size_t status_at = rest_at;
    const std::size_t len_at = status_at + round8(sizeof(abi::GetStatus) * room.nr);
    const std::size_t meta_len_at = len_at + round8(4ul * room.nr);
    const std::size_t names_at = meta_len_at + round8(4ul * room.nr);
    const std::size_t meta_at =
        names_at + round8(old ? abi::old_name_stride * room.nr : room.names);
    HypercallMemory m(meta_at + room.metadata + 8);
    if (!m.ok())
        return xen_error(ENOMEM);
    auto& list = m.at<abi::Sysctl>()->livepatch.list;
    auto& old_list = m.at<abi::Sysctl>()->livepatch.old_list;
    list.idx = idx; // the head is common to both forms
    list.nr = room.nr;
    if (old) {
        old_list.status = address(m.at<char>(status_at));
        old_list.name = address(m.at<char>(names_at));
        old_list.len = address(m.at<char>(len_at));
    } else {
        list.name_total_size = room.names;
        list.metadata_total_size = room.metadata;
        list.status = address(m.at<char>(status_at));
        list.name = address(m.at<char>(names_at));
        list.len = address(m.at<char>(len_at));
        list.metadata = address(m.at<char>(meta_at));
        list.metadata_len = address(m.at<char>(meta_len_at));
    }
    auto rc = sysctl(m, abi::Op::list);
    if (!rc)
        return fail(rc);
    Page page{list.version, list.nr, 0, 0, {}};
    if (!old) {
        page.names = list.name_total_size;
        page.metadata = list.metadata_total_size;
    }
    std::size_t name_off = 0, meta_off = 0;
    for (std::uint32_t i = 0; i < room.nr && i < static_cast<std::uint32_t>(*rc); ++i) {
        const auto& s = m.at<abi::GetStatus>(status_at)[i];
        const std::uint32_t len = m.at<std::uint32_t>(len_at)[i];
        const std::uint32_t meta_len = old ? 0 : m.at<std::uint32_t>(meta_len_at)[i];
        if (old)
            name_off = abi::old_name_stride * i;
        if (names_at + name_off + len > meta_at || meta_off + meta_len > room.metadata)
            return xen_error(ENOBUFS); // Xen handed back more than there was room for
        const char* name = m.at<char>(names_at + name_off);
        page.payloads.push_back({std::string(name, ::strnlen(name, len)),
                                 {static_cast<State>(s.state), s.rc},
                                 std::string(m.at<char>(meta_at + meta_off), meta_len)});
        name_off += len;
        meta_off += meta_len;
    }
    return page;
}

// The list may change between two calls: its version says so, and then all starts again.
Call<std::vector<Payload>> Privcmd::list() {
    // 4.14 to 4.20 write whatever there is into the room given, so there is more than enough
    constexpr std::uint32_t slack_names = 64 * 128, slack_metadata = 256 << 10;
    for (int attempt = 0; attempt < 8; ++attempt) {
        auto sizes = list_once(0, {});
        if (!sizes)
            return fail(sizes);
        std::vector<Payload> all;
        std::uint32_t left = sizes->left;
        bool again = false;
        while (left && !again) {
            const Room room{std::min(left, abi::list_limit), sizes->names + slack_names,
                            sizes->metadata + slack_metadata};
            auto page = list_once(static_cast<std::uint32_t>(all.size()), room);
            if (!page && page.error().code != ENOBUFS && page.error().code != EINVAL)
                return fail(page);
            again = !page || page->version != sizes->version || page->payloads.empty();
            if (again)
                break;
            all.insert(all.end(), page->payloads.begin(), page->payloads.end());
            left = page->left;
        }
        if (!again)
            return all;
    }
    return xen_error(EBUSY);
}

Call<Status> Privcmd::get(const std::string& name) {
    HypercallMemory m(rest_at);
    if (!m.ok())
        return xen_error(ENOMEM);
    auto laid = lay_name(m, name);
    if (!laid)
        return fail(laid);
    auto& get = m.at<abi::Sysctl>()->livepatch.get;
    get.name = *laid;
    if (auto rc = sysctl(m, abi::Op::get); !rc)
        return fail(rc);
    return Status{static_cast<State>(get.status.state), get.status.rc};
}

Call<void> Privcmd::upload(const std::string& name, std::span<const std::uint8_t> payload,
                           bool force) {
    if (payload.empty() || payload.size() > payload_limit)
        return xen_error(EINVAL);
    HypercallMemory m(rest_at + payload.size());
    if (!m.ok())
        return xen_error(ENOMEM);
    auto laid = lay_name(m, name);
    if (!laid)
        return fail(laid);
    std::memcpy(m.at<char>(rest_at), payload.data(), payload.size());
    auto& up = m.at<abi::Sysctl>()->livepatch.upload;
    up.name = *laid;
    up.size = payload.size();
    up.payload = address(m.at<char>(rest_at));
    const bool forced = force && interface_ >= abi::force_interface;
    if (auto rc = sysctl(m, abi::Op::upload, forced ? 1 : 0); !rc)
        return fail(rc);
    return {};
}

Call<void> Privcmd::act(Action action, const std::string& name, std::uint32_t timeout_ns,
                        std::uint32_t flags) {
    HypercallMemory m(rest_at);
    if (!m.ok())
        return xen_error(ENOMEM);
    auto laid = lay_name(m, name);
    if (!laid)
        return fail(laid);
    auto& op = m.at<abi::Sysctl>()->livepatch.action;
    op.name = *laid;
    op.cmd = static_cast<std::uint32_t>(action);
    op.timeout = timeout_ns;
    op.flags = interface_ < abi::metadata_interface ? 0 : flags;
    if (auto rc = sysctl(m, abi::Op::action); !rc)
        return fail(rc);
    return {};
}

} // namespace

Result<std::string> privcmd_device() {
    int refused = 0;
    for (const char* path : {"/dev/xen/privcmd", "/proc/xen/privcmd"}) {
        if (Descriptor fd{::open(path, O_RDWR | O_CLOEXEC)})
            return path;
        if (errno != ENOENT && errno != ENXIO && errno != ENODEV)
            refused = errno;
    }
    if (refused == EACCES || refused == EPERM)
        return fail(environment("host.privilege",
                                "This user may not open the hypervisor's control device.",
                                "Run xlp as root in dom0."));
    if (refused)
        return fail(environment("host.privcmd",
                                fmt::format("The hypervisor's control device cannot be opened: {}.",
                                            std::strerror(refused))));
    return fail(environment("host.no-xen",
                            "There is no hypervisor control device (/dev/xen/privcmd).",
                            "Run xlp in dom0 of a Xen host. If this is one, run `modprobe "
                            "xen-privcmd' and, on old kernels, `mount -t xenfs xenfs /proc/xen'."));
}

Result<std::unique_ptr<Hypervisor>> open_privcmd() {
    auto device = privcmd_device();
    if (!device)
        return fail(device);
    auto raw = std::make_unique<Privcmd>(Descriptor(::open(device->c_str(), O_RDWR | O_CLOEXEC)));
    if (auto version = raw->probe(); !version)
        return fail(explain_connect(version.error()));
    return raw;
}

} // namespace xlp::host
