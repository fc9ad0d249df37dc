"""What the indexes give is what comparing every pair gives."""

from __future__ import annotations

import shlex
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seamless_reconcile.commandline import split
from seamless_reconcile.facts import CacheFacts, TunnelFacts
from seamless_reconcile.kinds.cache import _no_buffers
from seamless_reconcile.kinds.tunnel import classify
from seamless_reconcile.nearby import Nearby
from seamless_reconcile.observe.tunnels import ClientFacts
from seamless_reconcile.observed import Absent
from seamless_reconcile.paths import contains, expand, may_overlap
from seamless_reconcile.planner.terrain import Ground
from seamless_reconcile.safety import touches
from unit.core.values import HOME, KEY, file, forward, host, persistent, row, spec

# Few names, so that directories lie inside each other; some begin like others, or sort around "/".
NAMES = st.sampled_from(["a", "ab", "a-", "a.", "a0", "b", "~", "tmp", "svc"])
ROOTS = st.sampled_from(["", "~", "/home/svc", "/tmp", "~bob"])
PATHS = st.builds(lambda root, names: "/".join((root, *names)) or "/", ROOTS, st.lists(NAMES, max_size=4))
HOMES = st.sampled_from([None, "/home/svc", "/"])
COMMANDS = st.builds(
    lambda program, words: " ".join((program, *words)),
    st.sampled_from(["hashserver", "seamless-jobserver"]),
    st.lists(PATHS, max_size=2),
)


@given(st.lists(PATHS, max_size=12), PATHS, HOMES)
def test_the_index_gives_what_comparing_every_pair_gives(paths, asked, home):
    index = Nearby(((path, number) for number, path in enumerate(paths)), home)

    def naive(rule):
        return [number for number, path in enumerate(paths) if rule(expand(path, home), expand(asked, home))]

    assert index.at(asked) == naive(lambda path, one: path == one)
    assert index.above(asked) == naive(contains)
    assert index.below(asked) == naive(lambda path, one: contains(one, path))
    assert index.touching(asked) == naive(lambda path, one: may_overlap(path, one, home))


@given(st.lists(st.tuples(PATHS, COMMANDS), max_size=6), PATHS, HOMES)
def test_no_row_that_works_near_a_directory_is_left_out(places, asked, home):
    rows = [row(f"k{n}", workdir=workdir, command=command) for n, (workdir, command) in enumerate(places)]
    listing = host(*rows, home=home)
    ground = Ground(listing, (), (), {})
    assert list(ground.facts_near(asked).rows) == [one.key for one in rows if touches(one, asked, listing)]


def test_the_rest_of_what_is_known_of_a_host_stays():
    values = host(row(workdir="/other"), hidden_by=frozenset({"x"}))
    near = Ground(values, (spec(),), (), {}).facts_near("/data")
    assert (near.home, near.hidden_by, dict(near.rows)) == (HOME, frozenset({"x"}), {})


@given(st.text(alphabet=st.sampled_from("ab /~\t\n\r\x0b\xa0'\"\\é\x00"), max_size=12))
def test_a_command_line_is_split_as_a_shell_would(text):
    try:
        expected = shlex.split(text)
    except ValueError:
        expected = None
    try:
        found = split(text)
    except ValueError:
        found = None
    assert found == expected


PORTS = st.sampled_from([61_000, 61_001, 50_000, 50_001])
MAYBE = st.none() | PORTS
FORWARDS = st.lists(
    st.builds(
        lambda near, far, name, shared: replace(forward(near, far, ssh_host=name), shared=shared),
        PORTS, PORTS, st.sampled_from(["frontend", "other"]), st.booleans(),
    ),
    max_size=6,
)  # fmt: skip
FILES = st.lists(
    st.builds(
        lambda key, near, far, extra, further: file(
            near, key=key, tunneled_port=far,
            extra={"dashboard_port": extra} if extra else None,
            tunneled_extra={"dashboard_port": further} if further else None,
        ),
        st.sampled_from([KEY, "a", "b"]), PORTS, MAYBE, MAYBE, MAYBE,
    ),
    max_size=4,
)  # fmt: skip


@given(FILES, FORWARDS, MAYBE, MAYBE)
def test_what_concerns_one_tunnel_is_judged_as_all_there_is_would_be(files, forwards, port, dashboard):
    known = {one.key: one for one in files}
    seen = row(port=port, **({"dashboard_port": dashboard} if dashboard else {}))
    elsewhere = frozenset(
        named
        for one in known.values() if one.key != KEY
        for named in (one.port, *(one.extra or {}).values())
    )  # fmt: skip
    everything = TunnelFacts(known.get(KEY), tuple(forwards), None, elsewhere)
    concerned = ClientFacts(known, tuple(forwards)).about(spec(), seen)
    judged = [classify(spec(), facts, seen, service_known=True) for facts in (everything, concerned)]
    assert judged[0] == judged[1]


@given(st.lists(PATHS, max_size=6), st.lists(PATHS, max_size=6))
def test_a_directory_leads_to_a_cache_if_one_lies_there_or_below(caches, children):
    facts = CacheFacts(
        Absent(),
        nested=tuple(persistent(expand(path, None)) for path in caches),
        children=tuple(persistent(expand(path, None)) for path in children),
    )
    naive = all(
        any(child.path == below.path or contains(child.path, below.path) for below in facts.nested)
        for child in facts.children or ()
        if child.path != "/"
    )
    # The root of a file system is nobody's subdirectory.
    plain = replace(facts, children=tuple(child for child in facts.children or () if child.path != "/"))
    assert _no_buffers(plain) is naive
