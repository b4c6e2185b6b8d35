// SPDX-License-Identifier: GPL-2.0-only
#include "payload/disasm/odd.h"

#include <array>
#include <fmt/format.h>
#include <string_view>

namespace xlp::disasm {

namespace {

enum class Form : std::uint8_t {
    plain,  // no ModRM byte
    exact,  // one ModRM value and no other
    memory, // ModRM with a memory operand
    reg,    // ModRM with a register
    any     // ModRM of either kind
};

inline constexpr int no_extension = -1;

struct Rule {
    std::uint8_t prefix; // mandatory 0x66, 0xf2, 0xf3 or 0 for none of them
    std::uint8_t map;    // 0: one byte; 0x0f; 0x38: 0f 38
    std::uint8_t opcode;
    Form form;
    int detail; // `exact`: the ModRM byte; else its reg field, or no_extension
    std::string_view name;
    Flow flow = Flow::next;
};

constexpr Rule rules[] = {
    {0x00, 0x00, 0xd6, Form::plain, 0, "udb", Flow::stop}, // Xen's BUG() from 4.22 on
    {0xf2, 0x0f, 0x00, Form::any, 6, "lkgs"},
    {0x00, 0x0f, 0x01, Form::exact, 0xc6, "wrmsrns"},
    {0xf2, 0x0f, 0x01, Form::exact, 0xc6, "rdmsrlist"},
    {0xf3, 0x0f, 0x01, Form::exact, 0xc6, "wrmsrlist"},
    {0xf2, 0x0f, 0x01, Form::exact, 0xca, "erets", Flow::ret},
    {0xf3, 0x0f, 0x01, Form::exact, 0xca, "eretu", Flow::ret},
    {0x00, 0x0f, 0x01, Form::exact, 0xe8, "serialize"},
    {0xf3, 0x0f, 0x01, Form::exact, 0xe8, "setssbsy"},
    {0xf3, 0x0f, 0x01, Form::exact, 0xea, "saveprevssp"},
    {0x00, 0x0f, 0x01, Form::exact, 0xee, "rdpkru"},
    {0x00, 0x0f, 0x01, Form::exact, 0xef, "wrpkru"},
    {0xf3, 0x0f, 0x01, Form::memory, 5, "rstorssp"},
    {0xf3, 0x0f, 0x09, Form::plain, 0, "wbnoinvd"},
    {0xf3, 0x0f, 0x1e, Form::reg, 1, "rdssp"},
    {0xf3, 0x0f, 0xae, Form::reg, 5, "incssp"},
    {0xf3, 0x0f, 0xae, Form::memory, 6, "clrssbsy"},
    {0xf3, 0x0f, 0xae, Form::reg, 6, "umonitor"},
    {0xf2, 0x0f, 0xae, Form::reg, 6, "umwait"},
    {0x66, 0x0f, 0xae, Form::reg, 6, "tpause"},
    {0x00, 0x0f, 0xb9, Form::any, no_extension, "ud1", Flow::stop},
    {0xf3, 0x0f, 0xc7, Form::reg, 7, "rdpid"},
    {0x00, 0x0f, 0xff, Form::any, no_extension, "ud0", Flow::stop},
    {0x66, 0x38, 0xf5, Form::memory, no_extension, "wruss"},
    {0x00, 0x38, 0xf6, Form::memory, no_extension, "wrss"},
    {0xf2, 0x38, 0xf8, Form::memory, no_extension, "enqcmd"},
    {0xf3, 0x38, 0xf8, Form::memory, no_extension, "enqcmds"},
};

constexpr std::array<std::string_view, 16> registers = {
    "%rax", "%rcx", "%rdx", "%rbx", "%rsp", "%rbp", "%rsi", "%rdi",
    "%r8",  "%r9",  "%r10", "%r11", "%r12", "%r13", "%r14", "%r15"};

// What lies before the opcode, and where the opcode is.
struct Head {
    std::size_t opcode_at = 0; // of the byte in the map
    std::uint8_t prefix = 0, map = 0, rex = 0;
    bool notrack = false;
};

std::optional<Head> read_head(Code code) {
    Head h;
    std::size_t at = 0;
    for (; at < code.size() && at < longest_instruction; ++at) {
        const std::uint8_t b = code[at];
        if (b == 0x66 || b == 0xf2 || b == 0xf3)
            h.prefix = b == 0x66 && h.prefix ? h.prefix : b; // f2 and f3 go before 66
        else if (b == 0x3e)
            h.notrack = true;
        else if (b != 0x2e && b != 0x26 && b != 0x36 && b != 0x64 && b != 0x65 && b != 0x67)
            break;
    }
    if (at < code.size() && (code[at] & 0xf0) == 0x40)
        h.rex = code[at++];
    if (at < code.size() && code[at] == 0x0f) {
        h.map = 0x0f;
        if (++at < code.size() && code[at] == 0x38) {
            h.map = 0x38;
            ++at;
        }
    }
    if (at >= code.size())
        return std::nullopt;
    h.opcode_at = at;
    return h;
}

// Bytes of ModRM, SIB and displacement; 0 if `code` ends before.
std::size_t modrm_size(Code code) {
    if (code.empty())
        return 0;
    const unsigned mod = code[0] >> 6, rm = code[0] & 7;
    std::size_t size = 1;
    if (mod != 3 && rm == 4) {
        if (code.size() < 2)
            return 0;
        size = 2;
        if (mod == 0 && (code[1] & 7) == 5)
            size += 4;
    } else if (mod == 0 && rm == 5) {
        size += 4;
    }
    size += mod == 1 ? 1 : mod == 2 ? 4 : 0;
    return size <= code.size() ? size : 0;
}

bool fits(const Rule& r, std::uint8_t modrm) {
    const bool memory = modrm >> 6 != 3;
    switch (r.form) {
    case Form::plain:
        return true;
    case Form::exact:
        return modrm == r.detail;
    case Form::memory:
        if (!memory)
            return false;
        break;
    case Form::reg:
        if (memory)
            return false;
        break;
    case Form::any:
        break;
    }
    return r.detail == no_extension || (modrm >> 3 & 7) == r.detail;
}

Instruction make(Code code, std::uint64_t address, std::size_t size, std::string text, Flow flow) {
    Instruction i;
    i.address = address;
    i.bytes = code.first(size);
    i.text = std::move(text);
    i.flow = flow;
    return i;
}

// Capstone drops the word `notrack` and reads the prefix as a segment.
std::optional<Instruction> decode_notrack(Code code, std::uint64_t address, const Head& h) {
    const Code rest = code.subspan(h.opcode_at + 1);
    const std::size_t size = modrm_size(rest);
    if (!size || rest[0] >> 6 != 3)
        return std::nullopt;
    const unsigned extension = rest[0] >> 3 & 7;
    if (extension != 2 && extension != 4)
        return std::nullopt;
    const std::size_t reg = (rest[0] & 7U) | ((h.rex & 1U) << 3);
    auto i = make(code, address, h.opcode_at + 1 + size,
                  fmt::format("notrack {} *{}", extension == 2 ? "call" : "jmp", registers[reg]),
                  extension == 2 ? Flow::call : Flow::jump);
    i.indirect = true;
    return i;
}

} // namespace

std::optional<Instruction> decode_odd(Code code, std::uint64_t address) {
    const auto h = read_head(code);
    if (!h)
        return std::nullopt;
    const std::uint8_t opcode = code[h->opcode_at];
    if (h->notrack && h->map == 0 && opcode == 0xff)
        return decode_notrack(code, address, *h);
    for (const Rule& r : rules) {
        if (r.prefix != h->prefix || r.map != h->map || r.opcode != opcode)
            continue;
        if (r.form == Form::plain)
            return make(code, address, h->opcode_at + 1, std::string(r.name), r.flow);
        const Code rest = code.subspan(h->opcode_at + 1);
        const std::size_t size = modrm_size(rest);
        if (!size || h->opcode_at + 1 + size > longest_instruction || !fits(r, rest[0]))
            continue;
        std::string text(r.name);
        if (r.form == Form::reg)
            text += fmt::format(" {}", registers[(rest[0] & 7U) | ((h->rex & 1U) << 3)]);
        return make(code, address, h->opcode_at + 1 + size, std::move(text), r.flow);
    }
    return std::nullopt;
}

} // namespace xlp::disasm
