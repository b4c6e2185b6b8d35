// SPDX-License-Identifier: GPL-2.0-only
// In dom0: builds the guest of kernel.S, tells how it fares, and ends it. Needs no xenstore.
//   guest start KERNEL          prints the guest's handle
//   guest await HANDLE EXTRA    until it has seen EXTRA and gone on since; prints its record
//   guest destroy HANDLE        and waits until it is gone
extern "C" {
#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenguest.h>
}

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s; // on a machine that emulates, and is busy
constexpr unsigned memory_mib = 8;
constexpr unsigned page_shift = 12;
constexpr std::uint64_t going_on = 16; // rounds

// As kernel.S lays it out at GUEST_RECORD.
struct Record {
    std::uint64_t rounds;
    std::uint64_t changes; // of what it sees; the first word is none
    char seen[16];
};

struct Handle {
    std::uint32_t domain = 0;
    unsigned long frame = 0; // of the record
};

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

void check(int rc, const char* what) {
    if (rc != 0)
        fail(std::string(what) + ": " + std::strerror(errno));
}

Handle parse_handle(const char* text) {
    Handle h;
    if (std::sscanf(text, "%u:%lu", &h.domain, &h.frame) != 2)
        fail("That is no handle.");
    return h;
}

// Looks again and again; a condition that never comes true is an error.
void wait_until(const char* what, const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            fail(std::string("It did not happen in time: ") + what);
        std::this_thread::sleep_for(1ms);
    }
}

class Xen {
public:
    Xen() : control_(xc_interface_open(nullptr, nullptr, 0)) {
        if (!control_)
            fail("There is no hypervisor.");
    }
    Xen(const Xen&) = delete;
    Xen& operator=(const Xen&) = delete;
    ~Xen() { xc_interface_close(control_); }

    Handle start(const char* kernel) {
        xen_domctl_createdomain config{};
        config.max_vcpus = 1;
        config.max_evtchn_port = 31;
        config.max_grant_frames = config.max_maptrack_frames = -1; // the hypervisor's usual
        config.grant_opts = XEN_DOMCTL_GRANT_version(1);
        Handle h;
        check(xc_domain_create(control_, &h.domain, &config), "xc_domain_create");
        check(xc_domain_max_vcpus(control_, h.domain, 1), "xc_domain_max_vcpus");
        check(xc_domain_setmaxmem(control_, h.domain, (memory_mib + 1) << 10),
              "xc_domain_setmaxmem");
        h.frame = build(h.domain, kernel);
        check(xc_domain_unpause(control_, h.domain), "xc_domain_unpause");
        return h;
    }

    bool exists(const Handle& h) { return info(h).has_value(); }

    void check_alive(const Handle& h) {
        const auto i = info(h);
        if (!i)
            fail("The guest is gone.");
        if (i->flags & XEN_DOMINF_shutdown)
            fail(
                "The guest has ended, with reason "
                + std::to_string((i->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask));
        if (i->flags & (XEN_DOMINF_dying | XEN_DOMINF_paused))
            fail("The guest is dying or paused.");
    }

    void destroy(const Handle& h) {
        check(xc_domain_destroy(control_, h.domain), "xc_domain_destroy");
    }

private:
    std::optional<xc_domaininfo_t> info(const Handle& h) {
        xc_domaininfo_t i{}; // of this domain, or of the next that exists
        if (xc_domain_getinfolist(control_, h.domain, 1, &i) != 1 || i.domain != h.domain)
            return {};
        return i;
    }

    // Gives the machine frame of the record.
    unsigned long build(std::uint32_t domain, const char* kernel) {
        xc_dom_image* dom = xc_dom_allocate(control_, nullptr, nullptr);
        if (!dom)
            fail("xc_dom_allocate");
        dom->container_type = xc_dom_image::XC_DOM_PV_CONTAINER;
        dom->max_vcpus = 1;
        check(xc_dom_kernel_file(dom, kernel), "xc_dom_kernel_file");
        check(xc_dom_boot_xen_init(dom, control_, domain), "xc_dom_boot_xen_init");
        check(xc_dom_parse_image(dom), "xc_dom_parse_image");
        check(xc_dom_mem_init(dom, memory_mib), "xc_dom_mem_init");
        check(xc_dom_boot_mem_init(dom), "xc_dom_boot_mem_init");
        check(xc_dom_build_image(dom), "xc_dom_build_image");
        check(xc_dom_boot_image(dom), "xc_dom_boot_image");
        const unsigned long frame = dom->pv_p2m[GUEST_RECORD >> page_shift];
        xc_dom_release(dom);
        return frame;
    }

    xc_interface* control_;
};

// The guest's record, mapped.
class Window {
public:
    explicit Window(const Handle& h) : memory_(xenforeignmemory_open(nullptr, 0)) {
        const xen_pfn_t frame = h.frame;
        if (memory_)
            page_ = xenforeignmemory_map(memory_, h.domain, PROT_READ, 1, &frame, nullptr);
        if (!page_)
            fail("The guest's memory cannot be mapped.");
    }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    ~Window() {
        xenforeignmemory_unmap(memory_, page_, 1);
        xenforeignmemory_close(memory_);
    }
    Record read() const {
        Record r;
        std::memcpy(&r, page_, sizeof r);
        return r;
    }

private:
    xenforeignmemory_handle* memory_;
    void* page_ = nullptr;
};

void await(Xen& xen, const Handle& h, const std::string& extra) {
    const Window window(h);
    Record r{};
    wait_until("that the guest sees it", [&] {
        xen.check_alive(h);
        r = window.read();
        return std::string(r.seen, strnlen(r.seen, sizeof r.seen)) == extra;
    });
    const std::uint64_t then = r.rounds;
    wait_until("that the guest goes on", [&] {
        xen.check_alive(h);
        r = window.read();
        return r.rounds >= then + going_on;
    });
    std::printf("rounds=%lu changes=%lu seen=%.16s\n", r.rounds, r.changes, r.seen);
}

int run(const std::string& verb, int count, char** words) {
    Xen xen;
    if (verb == "start" && count == 1) {
        const Handle h = xen.start(words[0]);
        std::printf("%u:%lu\n", h.domain, h.frame);
    } else if (verb == "await" && count == 2) {
        await(xen, parse_handle(words[0]), words[1]);
    } else if (verb == "destroy" && count == 1) {
        const Handle h = parse_handle(words[0]);
        xen.destroy(h);
        wait_until("that the guest is gone", [&] { return !xen.exists(h); });
    } else {
        std::fprintf(stderr, "guest start KERNEL | await HANDLE EXTRA | destroy HANDLE\n");
        return 2;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc > 1 ? argv[1] : "", argc - 2, argv + 2);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "guest: %s\n", e.what());
        return 1;
    }
}
