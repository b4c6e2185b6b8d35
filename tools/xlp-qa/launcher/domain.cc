// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/launcher/domain.h"

extern "C" {
#include <xenctrl.h>
#include <xenguest.h>
// after those: it stands on what they define, and its macros are names of theirs
#include <xen/hvm/params.h>
}

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

namespace launcher {

namespace {

constexpr unsigned page_shift = 12;
// As the hypervisor's toolstack lays out a guest's low memory: xc_dom_x86.c has the special pages
// below 0xff000, and a device model gets the upper 256 MiB.
constexpr std::uint64_t four_gib = std::uint64_t{1} << 32;
constexpr std::uint64_t hole_of_hvm = 0x10000000;
constexpr std::uint64_t hole_of_pvh = four_gib - ((0xff000ull - 8) << page_shift);
constexpr std::uint64_t paging_pool = 4 << 20;

void check(int rc, const char* what) {
    if (rc < 0)
        throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// Later fixes of 4.17's library have one argument more.
template <class Function>
int apply_policy(Function apply, xc_interface* control, std::uint32_t id, bool nested) {
    if constexpr (std::is_invocable_v<Function, xc_interface*, std::uint32_t, bool,
                                      const std::uint32_t*, unsigned, bool, bool, bool,
                                      const xc_xend_cpuid*, std::nullptr_t>)
        return apply(control, id, false, nullptr, 0, true, false, nested, nullptr, nullptr);
    else
        return apply(control, id, false, nullptr, 0, true, false, nested, nullptr);
}

} // namespace

Kind kind_of(const std::string& name) {
    for (Kind k : {Kind::pv, Kind::pvh, Kind::hvm})
        if (name == to_string(k))
            return k;
    throw std::runtime_error("A guest is pv, pvh or hvm, not " + name);
}

const char* to_string(Kind kind) {
    return kind == Kind::pv ? "pv" : kind == Kind::pvh ? "pvh" : "hvm";
}

Xen::Xen() : control_(xc_interface_open(nullptr, nullptr, 0)) {
    if (!control_)
        throw std::runtime_error("No hypervisor was found.");
}

Xen::~Xen() {
    xc_interface_close(control_);
}

Domain Xen::start(const Wish& wish) {
    xc_physinfo_t machine{};
    check(xc_physinfo(control_, &machine), "xc_physinfo");
    const bool hap = wish.hap && machine.capabilities & XEN_SYSCTL_PHYSCAP_hap;
    xen_domctl_createdomain config{};
    config.max_vcpus = wish.vcpus;
    config.max_evtchn_port = static_cast<int>(wish.event_channels);
    config.max_grant_frames = config.max_maptrack_frames = -1; // the hypervisor's usual
    config.grant_opts = XEN_DOMCTL_GRANT_version(2);
    if (wish.kind != Kind::pv) {
        config.flags = XEN_DOMCTL_CDF_hvm | (hap ? XEN_DOMCTL_CDF_hap : 0u)
                       | (wish.nested ? XEN_DOMCTL_CDF_nested_virt : 0u);
        config.arch.emulation_flags =
            wish.kind == Kind::pvh ? XEN_X86_EMU_LAPIC : XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI;
    }
    Domain d;
    d.kind = wish.kind;
    if (const int rc = xc_domain_create(control_, &d.id, &config); rc < 0 && errno == EACCES)
        throw std::runtime_error("xlp-qa-guest was built for another version of Xen (domctl "
                                 + std::to_string(XEN_DOMCTL_INTERFACE_VERSION) + ")");
    else
        check(rc, "xc_domain_create");
    try {
        configure(d, wish, hap);
        build(d, wish);
        check(xc_domain_unpause(control_, d.id), "xc_domain_unpause");
    } catch (...) {
        xc_domain_destroy(control_, d.id);
        throw;
    }
    return d;
}

void Xen::configure(Domain& d, const Wish& wish, bool hap) {
    check(xc_domain_max_vcpus(control_, d.id, wish.vcpus), "xc_domain_max_vcpus");
    check(xc_domain_setmaxmem(control_, d.id, (wish.memory_mib + 2ull) << 10),
          "xc_domain_setmaxmem");
    if (wish.kind != Kind::pv)
        check(xc_set_paging_mempool_size(control_, d.id, paging_pool),
              "xc_set_paging_mempool_size");
    check(xc_domain_set_tsc_info(control_, d.id, 0, 0, 0, 0), "xc_domain_set_tsc_info");
    // viridian's own leaves need its parameter first
    if (wish.kind != Kind::pv && wish.viridian)
        check(xc_hvm_param_set(control_, d.id, HVM_PARAM_VIRIDIAN, wish.viridian),
              "HVM_PARAM_VIRIDIAN");
    if (wish.nested && !hap)
        throw std::runtime_error("Nested virtualization needs nested paging.");
    check(apply_policy(xc_cpuid_apply_policy, control_, d.id, wish.nested),
          "xc_cpuid_apply_policy");
    // Busy guests leave the processor to dom0 when it has work: they share one, which may be
    // emulated. A refusal only means that another scheduler is at work.
    xen_domctl_sched_credit2 share{};
    share.weight = wish.weight;
    xc_sched_credit2_domain_set(control_, d.id, &share);
    d.console_port = static_cast<unsigned>(xc_evtchn_alloc_unbound(control_, d.id, 0));
}

void Xen::build(Domain& d, const Wish& wish) {
    const int store_port = xc_evtchn_alloc_unbound(control_, d.id, 0);
    check(store_port, "xc_evtchn_alloc_unbound");
    std::unique_ptr<xc_dom_image, decltype(&xc_dom_release)> dom(
        xc_dom_allocate(control_, wish.command_line.empty() ? nullptr : wish.command_line.c_str(),
                        nullptr),
        &xc_dom_release);
    if (!dom)
        throw std::runtime_error("xc_dom_allocate");
    const bool pv = wish.kind == Kind::pv;
    dom->container_type =
        pv ? xc_dom_image::XC_DOM_PV_CONTAINER : xc_dom_image::XC_DOM_HVM_CONTAINER;
    dom->max_vcpus = wish.vcpus;
    dom->console_evtchn = d.console_port;
    dom->xenstore_evtchn = static_cast<unsigned>(store_port);
    if (!pv) {
        dom->device_model = wish.kind == Kind::hvm;
        dom->target_pages = wish.memory_mib << (20 - page_shift);
        dom->mmio_size = dom->device_model ? hole_of_hvm : hole_of_pvh;
        dom->mmio_start = four_gib - dom->mmio_size;
        dom->lowmem_end = static_cast<std::uint64_t>(wish.memory_mib) << 20;
        dom->vga_hole_size = dom->device_model ? 0x20 : 0;
    }
    check(xc_dom_kernel_file(dom.get(), wish.kernel.c_str()), "xc_dom_kernel_file");
    check(xc_dom_boot_xen_init(dom.get(), control_, d.id), "xc_dom_boot_xen_init");
    check(xc_dom_parse_image(dom.get()), "xc_dom_parse_image");
    check(xc_dom_mem_init(dom.get(), wish.memory_mib), "xc_dom_mem_init");
    check(xc_dom_boot_mem_init(dom.get()), "xc_dom_boot_mem_init");
    check(xc_dom_build_image(dom.get()), "xc_dom_build_image");
    check(xc_dom_boot_image(dom.get()), "xc_dom_boot_image");
    const unsigned long beat = beat_address >> page_shift;
    d.beat_frame = pv ? dom->pv_p2m[beat] : beat;
    d.console_frame = pv ? dom->pv_p2m[dom->console_pfn] : dom->console_pfn;
    if (!pv)
        set_hvm_parameters(d, wish, static_cast<unsigned>(store_port));
}

void Xen::set_hvm_parameters(Domain& d, const Wish&, unsigned store_port) {
    check(xc_hvm_param_set(control_, d.id, HVM_PARAM_STORE_EVTCHN, store_port), "STORE_EVTCHN");
    check(xc_hvm_param_set(control_, d.id, HVM_PARAM_CONSOLE_EVTCHN, d.console_port),
          "CONSOLE_EVTCHN");
    std::uint64_t frame = 0;
    check(xc_hvm_param_get(control_, d.id, HVM_PARAM_CONSOLE_PFN, &frame), "CONSOLE_PFN");
    d.console_frame = frame;
}

std::optional<State> Xen::state(unsigned id) {
    xc_domaininfo_t i{}; // of this domain, or of the next that exists
    if (xc_domain_getinfolist(control_, id, 1, &i) != 1 || i.domain != id)
        return {};
    State s;
    s.shut = i.flags & XEN_DOMINF_shutdown;
    s.running = !(i.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying | XEN_DOMINF_paused));
    s.reason = (i.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
    s.cpu_ns = i.cpu_time;
    return s;
}

void Xen::destroy(unsigned id) {
    using namespace std::chrono_literals;
    check(xc_domain_destroy(control_, id), "xc_domain_destroy");
    for (int i = 0; state(id); ++i) {
        if (i == 10000)
            throw std::runtime_error("The domain could not be destroyed.");
        std::this_thread::sleep_for(1ms);
    }
}

std::uint64_t Xen::cycles_per_ms() {
    xc_physinfo_t machine{};
    check(xc_physinfo(control_, &machine), "xc_physinfo");
    return machine.cpu_khz;
}

} // namespace launcher
