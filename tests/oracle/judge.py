# SPDX-License-Identifier: GPL-2.0-only
"""Holds the differences of two whole builds against what xlp-build accounts for."""
from dataclasses import dataclass, field

from compare import Thing
from objects import stem

# findings that say that the hypervisor needs no patch
NOTHING = ('select.nothing-changed', 'patch.no-unit-affected', 'patch.no-hypervisor-code')
IDLE = ('same', 'moved', 'bound', 'unused', 'removed')  # fates of what needs nothing
TOO_SHORT = 9  # a jump, and an ENDBR64 before it


def plain(name):
    """`foo' of `common/x.c#foo'."""
    return name.rsplit('#', 1)[-1]


@dataclass
class Account:
    """What a document of `xlp-build payload --json' says."""
    code: int = 0  # exit status
    units: set = field(default_factory=set)
    named: dict = field(default_factory=dict)  # name: set of units, '' where none is told
    replaced: set = field(default_factory=set)  # Things
    idle: set = field(default_factory=set)  # Things that, it says, need nothing
    errors: list = field(default_factory=list)  # (code, name)
    texts: list = field(default_factory=list)

    @property
    def refused(self):
        return self.code != 0

    @classmethod
    def read(cls, document):
        a = cls()
        a.code = document.get('exit_code', 0)
        for u in document.get('units', []):
            a.units.add(u['object'])
        a._walk(document)
        for item in document.get('contents', []):
            if item.get('role') == 'replacement':
                a.replaced.add(Thing(item.get('unit', ''), plain(item['name'])))
        handled = set()
        for e in document.get('account', {}).get('entries', []):
            thing = Thing(e.get('unit', ''), plain(e['name']))
            # one that is removed here may be there again in another section
            (a.idle if e.get('fate') in IDLE else handled).add(thing)
        a.idle -= handled
        for f in document.get('findings', []):
            if f.get('severity') == 'note' and not f['code'].startswith('account'):
                continue
            if f.get('function'):
                a._name(f['function'], f.get('file', ''))
            a.texts.append(f.get('why', ''))
            if f.get('severity') == 'error':
                a.errors.append((f['code'], plain(f.get('function', ''))))
        return a

    def _name(self, name, unit):
        self.named.setdefault(plain(name), set()).add(unit if unit.endswith('.o') else '')

    def _walk(self, value):
        """Every entry with a name and, perhaps, a unit; lists of names; old names of new ones."""
        if isinstance(value, dict):
            for key in ('name', 'replaces', 'original', 'old_name', 'patched'):
                if isinstance(value.get(key), str) and ('unit' in value or 'role' in value):
                    self._name(value[key], value.get('unit', ''))
            for key, inner in value.items():
                if key == 'findings':
                    continue
                if isinstance(inner, list) and inner and all(isinstance(x, str) for x in inner) \
                        and key not in ('reasons', 'supersedes'):
                    for name in inner:
                        self._name(name, '')
                self._walk(inner)
        elif isinstance(value, list):
            for inner in value:
                self._walk(inner)

    def has(self, thing):
        units = self.named.get(thing.name)
        if units and (thing.unit in units or '' in units):
            return True
        return any(f"`{thing.name}'" in t for t in self.texts)

    def has_anywhere(self, name):
        return name in self.named


def judge(report, account):
    """The objections, as sentences; none if the account is right."""
    objections = []
    say = objections.append

    for unit in sorted(report.units):
        real = [c for t, c in list(report.functions.items()) + list(report.data.items())
                if t.unit == unit and c.kind != 'lines']
        if real and unit not in account.units and (account.units or not account.refused):
            names = sorted(t.name for t, c in report.functions.items()
                           if t.unit == unit and c.kind != 'lines')
            say(f'{unit}: was left uncompiled, but differs: {", ".join(names[:5]) or "data"}')

    changed_names = {t.name for t, c in report.functions.items() if c.kind != 'lines'}
    changed_names |= {t.name for t in report.data}
    if account.refused:
        # nothing is lost without a payload; but the refusal must be about this patch
        codes = {code for code, _ in account.errors}
        if account.code > 1 and not any(c.startswith('patch.') for c in codes):
            say(f'xlp-build failed: {", ".join(sorted(codes))}')
        if codes & set(NOTHING) and changed_names:
            say(f'says that nothing changes, but these do: {", ".join(sorted(changed_names)[:5])}')
        told = [n for _, n in account.errors if n]
        if told and not any(n in changed_names or stem(n) in {stem(c) for c in changed_names}
                            or any(n in refs for refs in report.callers.values())
                            for n in told):
            say(f'refused for {", ".join(told)}, where nothing differs')
        if not account.errors:
            say('refused without a reason')
        return objections

    moved = {}
    for t, c in report.functions.items():
        if c.kind in ('appeared', 'vanished'):
            moved.setdefault(t.name, {}).setdefault(c.kind, []).append(t)
    for t, c in sorted(report.functions.items()):
        if c.kind == 'differs' and t in account.idle:
            say(f'{t.unit}: {t.name} differs ({c.first}), and the account says it needs nothing')
        if c.kind == 'lines' or account.has(t):
            continue
        partners = moved.get(t.name, {})
        if 'appeared' in partners and 'vanished' in partners:
            if c.kind == 'appeared' and any(account.has(p) for p in partners['vanished']):
                continue
            if c.kind == 'vanished' and any(account.has(p) for p in partners['appeared']):
                continue
            if c.kind == 'appeared':
                say(f'{t.unit}: {t.name} moved here from '
                    f'{partners["vanished"][0].unit}, and is not in the account')
            continue
        what = {'differs': f'differs ({c.first})', 'appeared': 'is new', 'vanished': 'is gone'}
        when = ' (at boot)' if c.boot else ''
        say(f'{t.unit}: {t.name}{when} {what[c.kind]}, and is not in the account')
    for t, c in sorted(report.data.items()):
        if not account.has(t) and not account.has_anywhere(t.name):
            say(f'{t.unit}: the contents of {t.name} differ, and it is not in the account')

    short = {t.name for t, c in report.functions.items() if c.kind == 'differs'
             and c.size < TOO_SHORT}
    for t in sorted(account.replaced):
        change = report.functions.get(t)
        if change or t in report.readers:
            continue
        if any(f.name == t.name for f in report.functions):
            continue  # moved, told by its other unit
        if report.callers.get(t, set()) & short:
            continue
        say(f'{t.unit}: {t.name} is replaced, and does not differ')
    return objections
