// SPDX-License-Identifier: GPL-2.0-only
#include "tools/xlp-qa/launcher/window.h"

extern "C" {
#include <xenctrl.h>
#include <xenforeignmemory.h>
// after those: it stands on what they define
#include <xen/io/console.h>
}

#include <atomic>
#include <sys/mman.h>

namespace launcher {

Page::Page(unsigned domain, unsigned long frame) : memory_(xenforeignmemory_open(nullptr, 0)) {
    const xen_pfn_t frames[] = {frame};
    if (!memory_)
        throw std::runtime_error("Guest memory cannot be mapped.");
    int error = 0;
    page_ = xenforeignmemory_map(memory_, domain, PROT_READ | PROT_WRITE, 1, frames, &error);
    if (error && page_) {
        xenforeignmemory_unmap(memory_, page_, 1);
        page_ = nullptr;
    }
}

Page::~Page() {
    if (page_)
        xenforeignmemory_unmap(memory_, page_, 1);
    xenforeignmemory_close(memory_);
}

std::string drain_console(const Page& page) {
    std::string text;
    if (!page)
        return text;
    auto* ring = static_cast<xencons_interface*>(page.get());
    const std::uint32_t end = std::atomic_ref(ring->out_prod).load(std::memory_order_acquire);
    std::uint32_t at = ring->out_cons;
    if (end - at > sizeof ring->out)
        at = end - sizeof ring->out; // nonsense of the guest's
    for (; at != end; ++at)
        text += ring->out[at % sizeof ring->out];
    std::atomic_ref(ring->out_cons).store(end, std::memory_order_release);
    return text;
}

} // namespace launcher
