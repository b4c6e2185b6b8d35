// SPDX-License-Identifier: GPL-2.0-only
// Guests without a toolstack: a domain is made, built and started by libxenguest alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

struct xc_interface_core;
struct xc_dom_image;

namespace launcher {

enum class Kind { pv, pvh, hvm };
Kind kind_of(const std::string& name); // "pv", "pvh", "hvm"
const char* to_string(Kind);

struct Wish {
    Kind kind = Kind::pv;
    std::string kernel;
    std::string command_line;
    unsigned memory_mib = 16;
    unsigned vcpus = 1;
    bool hap = true;       // where the machine has it
    bool nested = false;   // nested virtualization
    unsigned viridian = 0; // HVM_PARAM_VIRIDIAN; 0: none
    unsigned event_channels = 1023;
    std::uint16_t weight = 16; // of dom0's 256
};

struct Domain {
    std::uint32_t id = 0;
    Kind kind = Kind::pv;
    unsigned long beat_frame = 0;    // of guest-physical beat_address
    unsigned long console_frame = 0; // of its console ring
    unsigned console_port = 0;       // the guest's end of its event channel
};

// Where a guest that tells of itself keeps its record (beat.h).
inline constexpr unsigned long beat_address = 0x200000;

struct State {
    bool shut = false, running = false;
    unsigned reason = 0; // SHUTDOWN_*, when shut
    std::uint64_t cpu_ns = 0;
};

// Failures are exceptions, with what failed and why.
class Xen {
public:
    Xen();
    Xen(const Xen&) = delete;
    Xen& operator=(const Xen&) = delete;
    ~Xen();

    Domain start(const Wish&);               // runs when this returns
    std::optional<State> state(unsigned id); // nothing: there is no such domain
    void destroy(unsigned id);               // waits until it is gone
    std::uint64_t cycles_per_ms();

private:
    void configure(Domain&, const Wish&, bool hap);
    void build(Domain&, const Wish&);
    void set_hvm_parameters(Domain&, const Wish&, unsigned store_port);

    xc_interface_core* control_;
};

} // namespace launcher
