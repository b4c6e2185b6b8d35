// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include "random.h"

#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace xlp::generator {

namespace {

using Word = unsigned long;
using Entry = Word (*)(Word, Word);

constexpr int warm_calls = 6, calls = 20;
constexpr unsigned seconds = 5; // for all subjects

enum class Phase { warming, running, done, skipped, undetermined };

// What the child leaves for its parent.
struct Slot {
    Phase phase = Phase::warming;
    bool differs = false;
    bool whole_build = false; // that is what runs
    char text[240] = {};
};
struct Board {
    int current = -1;
    Slot slots[1024];
};

void* map_at(std::uint64_t at, std::uint64_t size) {
    void* p = mmap(reinterpret_cast<void*>(at), size, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != reinterpret_cast<void*>(at))
        _exit(99);
    return p;
}

void map_image(const xen::Image& image) {
    std::uint64_t begin = ~std::uint64_t{0}, end = 0;
    for (const elf::Section& s : image.object().sections())
        if (s.alloc()) {
            begin = std::min(begin, s.address);
            end = std::max(end, s.address + s.size);
        }
    begin &= ~std::uint64_t{4095};
    map_at(begin, (end - begin + 4095) & ~std::uint64_t{4095});
    for (const elf::Section& s : image.object().sections())
        if (s.alloc() && !s.bytes.empty())
            std::memcpy(reinterpret_cast<void*>(s.address), s.bytes.data(), s.bytes.size());
}

void apply(const load::Loaded& loaded) {
    for (const load::FunctionRecord& f : loaded.functions)
        std::memcpy(reinterpret_cast<void*>(f.old_address + f.patch_offset), f.patch.data(),
                    f.patch.size());
}

std::uint64_t read_piece(std::uint64_t at, int size, bool is_signed) {
    std::uint64_t x = 0;
    std::memcpy(&x, reinterpret_cast<const void*>(at), static_cast<std::size_t>(size));
    if (is_signed && size < 8 && (x >> (size * 8 - 1)) & 1)
        x |= ~std::uint64_t{0} << (size * 8);
    return x;
}

Word argument(Random& r) {
    return r.chance(50) ? r.below(256) : r.next();
}

Word call(std::uint64_t entry, Word a, Word b) {
    return reinterpret_cast<Entry>(entry)(a, b);
}

struct Images {
    const xen::Image& before;
    const xen::Image& after;
};

// False if the old program leaves a pointer to something that the new one has not: then it is not
// determined what the patched program should do.
bool warm_up(const Subject& s, const Images& images) {
    Random r(s.seed);
    if (s.warm)
        for (int n = 0; n < warm_calls; ++n)
            for (const auto& [old_entry, new_entry] : s.entries) {
                const Word a = argument(r), b = argument(r);
                call(old_entry, a, b);
            }
    for (const Piece& p : s.pieces) {
        if (!p.writable || (p.pointer && !s.warm))
            continue;
        std::uint64_t x = read_piece(p.from, p.from_size, p.from_signed);
        if (p.pointer) {
            auto there = translate(x, *s.before, images.before, *s.after, images.after);
            if (!there)
                return false;
            x = *there;
        }
        std::memcpy(reinterpret_cast<void*>(p.to), &x, static_cast<std::size_t>(p.to_size));
    }
    return true;
}

void compare(const Subject& s, Slot& slot) {
    Random r(s.seed + 1);
    for (int n = 0; n < calls && !slot.differs; ++n)
        for (std::size_t e = 0; e < s.entries.size() && !slot.differs; ++e) {
            const Word a = argument(r), b = argument(r);
            slot.whole_build = true; // a program that fails by itself proves nothing
            const Word y = call(s.entries[e].second, a, b);
            slot.whole_build = false;
            const Word x = call(s.entries[e].first, a, b);
            if (x == y)
                continue;
            slot.differs = true;
            std::snprintf(slot.text, sizeof slot.text,
                          "call %d of %s(%#lx, %#lx): patched %#lx, a whole build %#lx", n,
                          s.entry_names[e].c_str(), a, b, x, y);
        }
    for (const Piece& p : s.pieces) {
        if (slot.differs || p.pointer || !p.writable || p.from_size != p.to_size)
            continue;
        const auto x = read_piece(p.from, p.from_size, false);
        const auto y = read_piece(p.to, p.to_size, false);
        if (x == y)
            continue;
        slot.differs = true;
        std::snprintf(slot.text, sizeof slot.text, "%s is %#lx, in a whole build %#lx",
                      p.name.c_str(), x, y);
    }
}

[[noreturn]] void child(Board& board, const Images& images, const load::Loaded* loaded,
                        const std::vector<Subject>& subjects) {
    alarm(seconds);
    map_image(images.before);
    map_image(images.after);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        if (board.slots[i].phase == Phase::skipped)
            continue;
        board.current = static_cast<int>(i);
        if (!warm_up(subjects[i], images))
            board.slots[i].phase = Phase::undetermined;
    }
    board.current = -1;
    if (loaded) {
        map_at(loaded->base, loaded->pages * 4096);
        std::memcpy(reinterpret_cast<void*>(loaded->base), loaded->memory.data(),
                    loaded->memory.size());
        apply(*loaded);
    }
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        Slot& slot = board.slots[i];
        if (slot.phase == Phase::skipped || slot.phase == Phase::undetermined)
            continue;
        board.current = static_cast<int>(i);
        slot.phase = Phase::running;
        compare(subjects[i], slot);
        slot.phase = Phase::done;
    }
    _exit(0);
}

} // namespace

std::vector<Verdict> run_side_by_side(const xen::Image& before, const load::Loaded* loaded,
                                      const xen::Image& after,
                                      const std::vector<Subject>& subjects) {
    void* memory =
        mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || subjects.size() > std::size(Board{}.slots))
        throw std::runtime_error("no room for the results");
    Board& board = *new (memory) Board;
    std::vector<Verdict> verdicts(subjects.size());
    for (std::size_t attempt = 0; attempt <= subjects.size(); ++attempt) {
        board.current = -1;
        for (std::size_t i = 0; i < subjects.size(); ++i)
            if (board.slots[i].phase != Phase::skipped)
                board.slots[i] = {};
        const pid_t pid = fork();
        if (pid == 0)
            child(board, {before, after}, loaded, subjects);
        int status = -1;
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            throw std::runtime_error("cannot fork");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            break;
        if (board.current < 0)
            throw std::runtime_error(
                fmt::format("the images cannot be run (status {:#x})", status));
        // the others go on without this one
        const auto i = static_cast<std::size_t>(board.current);
        if (board.slots[i].whole_build)
            verdicts[i] = {Verdict::Kind::undetermined, {}};
        else
            verdicts[i] = {Verdict::Kind::crash,
                           fmt::format("signal {} {}", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                                       board.slots[i].phase == Phase::running
                                           ? "with the payload in effect"
                                           : "before the payload is applied")};
        board.slots[i].phase = Phase::skipped;
    }
    for (std::size_t i = 0; i < subjects.size(); ++i)
        if (board.slots[i].phase == Phase::undetermined)
            verdicts[i] = {Verdict::Kind::undetermined, {}};
        else if (board.slots[i].differs)
            verdicts[i] = {Verdict::Kind::differs, board.slots[i].text};
    munmap(memory, sizeof(Board));
    return verdicts;
}

} // namespace xlp::generator
