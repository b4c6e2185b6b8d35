# SPDX-License-Identifier: GPL-2.0-only
"""Two builds of a tree, object by object: which functions and data differ."""
import concurrent.futures
import filecmp
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from objects import Object, stem

IMMEDIATE = re.compile(r'\$0x([0-9a-f]+)')


@dataclass(frozen=True, order=True)
class Thing:
    unit: str  # "common/domain.o"
    name: str


@dataclass
class Change:
    kind: str  # differs, lines, appeared, vanished
    boot: bool = False
    size: int = 0  # of the original
    first: str = ''  # the first line that differs


@dataclass
class Report:
    functions: dict = field(default_factory=dict)  # Thing: Change
    data: dict = field(default_factory=dict)
    readers: dict = field(default_factory=dict)  # Thing of a function: changed datum it refers to
    callers: dict = field(default_factory=dict)  # Thing: names of changed functions it refers to
    units: set = field(default_factory=set)  # those in which something differs

    def update(self, other):
        for mine, theirs in ((self.functions, other.functions), (self.data, other.data),
                             (self.readers, other.readers), (self.callers, other.callers)):
            mine.update(theirs)
        self.units |= other.units


@dataclass(frozen=True)
class Lines:
    """How a patch moves line numbers: by how much, and the highest number that there can be."""
    shifts: frozenset = frozenset({0})
    last: int = 40000

    def moved(self, x, y):
        return 0 < x <= self.last and 0 < y <= self.last and y - x in self.shifts


def lines_of(patches, tree=None):
    """Of patches to a tree; without the tree, any number may be a line's."""
    shifts, last = {0}, 0
    for patch in patches:
        total = 0
        for line in patch.splitlines():
            if line.startswith('+++ '):
                total = 0
                path = line[4:].split('\t')[0].strip()
                file = Path(tree) / path.partition('/')[2] if tree else None
                if file and file.is_file():
                    last = max(last, file.read_bytes().count(b'\n'))
            elif line.startswith(('--- ', '@@ ')):
                continue
            elif line.startswith('+'):
                total += 1
            elif line.startswith('-'):
                total -= 1
            shifts.add(total)
    return Lines(frozenset(shifts), last if tree else 40000)


def lines_only(before, after, moves):
    """True if two texts differ in immediates that moved as line numbers do, and nowhere else."""
    if len(before) != len(after):
        return False
    for a, b in zip(before, after):
        if a == b:
            continue
        if IMMEDIATE.sub('$', a) != IMMEDIATE.sub('$', b):
            return False
        for x, y in zip(IMMEDIATE.findall(a), IMMEDIATE.findall(b)):
            if x != y and not moves.moved(int(x, 16), int(y, 16)):
                return False
    return True


def _pair(before, after, same):
    """Names of both sides that are the same thing. Numbers of the compiler do not count."""
    pairs = {n: n for n in before if n in after}
    for n in list(pairs):
        if stem(n) != n and not same(before[n], after[n]):
            del pairs[n]
    used = set(pairs.values())
    for n in before:
        if n in pairs or stem(n) == n:
            continue
        for m in after:
            if m not in used and stem(m) == stem(n) and same(before[n], after[m]):
                pairs[n] = m
                used.add(m)
                break
    for n in before:
        if n not in pairs and n in after and n not in used:
            pairs[n] = n
            used.add(n)
    return pairs


def compare(unit, before, after, moves):
    """A report on one unit. `before` or `after` is None where the unit is not there."""
    report = Report()
    old = before.functions() if before else {}
    new = after.functions() if after else {}
    pairs = _pair(old, new, lambda a, b: a.lines == b.lines)
    for n, f in old.items():
        if n not in pairs:
            report.functions[Thing(unit, n)] = Change('vanished', f.boot, f.size)
    for n, f in new.items():
        if n not in pairs.values():
            report.functions[Thing(unit, n)] = Change('appeared', f.boot)
    for n, m in pairs.items():
        a, b = old[n], new[m]
        if a.lines == b.lines and a.boot == b.boot:
            continue
        if a.boot == b.boot and lines_only(a.lines, b.lines, moves):
            report.functions[Thing(unit, m)] = Change('lines', a.boot, a.size)
            continue
        first = next((f'{x}  ->  {y}' for x, y in zip(a.lines, b.lines) if x != y),
                     'one is longer')
        report.functions[Thing(unit, m)] = Change('differs', a.boot and b.boot, a.size, first)

    old_data = before.data() if before else {}
    new_data = after.data() if after else {}
    pairs = _pair(old_data, new_data, lambda a, b: a.digest == b.digest)
    changed = set()
    for n, m in pairs.items():
        a, b = old_data[n], new_data[m]
        if a.digest != b.digest:
            changed.add(m)
            if stem(m) == m:
                report.data[Thing(unit, m)] = Change('differs', b.boot)
    # a constant that refers to a changed one has changed, and so on
    grew = True
    while grew:
        grew = False
        for n, d in new_data.items():
            if n not in changed and d.constant and d.references & changed:
                changed.add(n)
                grew = True
    for n, f in new.items():
        if f.references & changed:
            report.readers[Thing(unit, n)] = sorted(f.references & changed)[0]
        report.callers[Thing(unit, n)] = f.references
    if report.functions or report.data:
        report.units.add(unit)
    return report


# --- whole trees

def objects_of(tree):
    """The objects that the hypervisor of a built tree is linked from, as Xen's build lists them."""
    found = {}
    for cmd in Path(tree).rglob('.*.o.cmd'):
        text = cmd.read_text(errors='replace')
        m = re.match(r'cmd_(\S+) := ', text)
        if not m or not re.search(r'^source_\S+ := ', text, re.M):
            continue
        name = m.group(1)
        if (Path(tree) / name).exists():
            found[name] = Path(tree) / name
    linked = set()
    for cmd in list(Path(tree).rglob('.built_in*.o.cmd')) + list(Path(tree).rglob('.lib.a.cmd')):
        linked.update(re.sub(r'\.init\.o$', '.o', w) for w in cmd.read_text().split()
                      if w.endswith('.o'))
    return {n: p for n, p in found.items() if n in linked}


def _stripped(path, folder):
    to = os.path.join(folder, str(abs(hash(str(path)))))
    subprocess.run(['objcopy', '--strip-debug', str(path), to], check=True)
    return to


def _compare_files(job):
    unit, before, after, moves = job
    with tempfile.TemporaryDirectory() as folder:
        if before and after and (filecmp.cmp(before, after, shallow=False) or filecmp.cmp(
                _stripped(before, folder), _stripped(after, folder), shallow=False)):
            return Report()
    return compare(unit, Object(before) if before else None, Object(after) if after else None,
                   moves)


def compare_trees(before, after, moves, jobs=2):
    old, new = objects_of(before), objects_of(after)
    work = [(u, old.get(u), new.get(u), moves) for u in sorted(set(old) | set(new))]
    report = Report()
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        for r in pool.map(_compare_files, work, chunksize=4):
            report.update(r)
    return report, len(old), len(new)
