"""Hand-made plans, each a situation that users meet; the oracle of the text and JSON forms."""

from __future__ import annotations

from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Action, Blocked, Change, Plan, Resource, Verb, Verdict, Warned

HOST = "frontend"


def service(name, state="running", verdict=Verdict.IN_SYNC, *, wish="running", host=HOST, note="", **more):
    seen = {"state": state, **more.pop("seen", {})}
    changes = (Change("state", state, wish),) if state != wish and verdict is not Verdict.IN_SYNC else ()
    return Resource(
        f"service.{name}", "service", name, host, f"{name}-myproject", {"state": wish}, seen, verdict,
        more.pop("changes", changes), tuple(more.pop("requires", ())), (name,), note,
    )  # fmt: skip


def tunnel(name, state="open", verdict=Verdict.IN_SYNC, *, wish="open", note="", **seen):
    changes = (Change("state", state, wish),) if state != wish and verdict is not Verdict.IN_SYNC else ()
    return Resource(
        f"tunnel.{name}", "tunnel", name, "local", f"{name}-myproject", {"state": wish},
        {"state": state, **seen}, verdict, changes, (f"service.{name}",), (name,), note,
    )  # fmt: skip


def cache(
    name, state="populated", verdict=Verdict.IN_SYNC, *, wish="keep", note="", names=(), host=HOST, **seen
):
    changes = (Change("state", state, wish),) if verdict is not Verdict.IN_SYNC else ()
    return Resource(
        f"cache.{name}", "cache", name, host, f"{name}-myproject", {"state": wish},
        {"state": state, "path": f"/data/{name}/myproject", **seen}, verdict, changes, (), names or (name,),
        note,
    )  # fmt: skip


def act(number, verb, resource, cause, *requires, host=HOST, destructive=False, **expects):
    kind, _, name = resource.partition(".")
    where = "local" if kind == "tunnel" else host
    return Action(number, verb, resource, name, where, cause, requires, expects, "it is so", destructive)


DRIFT = Verdict.DRIFT


def in_sync():
    return Plan(
        (
            tunnel("hashserver", local_port=40123),
            service("hashserver", requires=["cache.hashserver"], seen={"pid": 11, "port": 50001}),
            tunnel("database", local_port=40124),
            service(
                "database", requires=["cache.database"], seen={"pid": 12, "port": 50002, "verified": False}
            ),
            tunnel("jobserver", local_port=40125),
            service("jobserver", requires=["service.hashserver", "service.database"], seen={"port": 50003}),
            cache("hashserver", modified="2026-11-20 12:00:03"),
            cache("database", "pristine", wish="cold", size=98304),
        )
    )


def first_start():
    absent = "is absent"
    return Plan(
        (
            tunnel("hashserver", "closed", DRIFT, note="service.hashserver comes up"),
            service("hashserver", "absent", DRIFT, note=absent, requires=["cache.hashserver"]),
            tunnel("database", "closed", DRIFT, note="service.database comes up"),
            service("database", "absent", DRIFT, note=absent, requires=["cache.database"]),
            cache("hashserver", "absent", wish="cold"),
            cache("database", "absent", wish="cold"),
        ),
        (
            act(1, Verb.LAUNCH, "service.hashserver", absent, state="absent"),
            act(2, Verb.LAUNCH, "service.database", absent, state="absent"),
            act(3, Verb.OPEN_TUNNEL, "tunnel.hashserver", "service.hashserver comes up", 1),
            act(4, Verb.OPEN_TUNNEL, "tunnel.database", "service.database comes up", 2),
        ),
    )


def cold_restart():
    moved = "service.hashserver comes up on another port"
    cleared = "cache.hashserver is cleared"
    dead = "is stale: its process is gone"
    return Plan(
        (
            tunnel("hashserver", "open", DRIFT, note=moved, local_port=40123),
            service(
                "hashserver", "running", DRIFT, note=cleared, requires=["cache.hashserver"],
                seen={"pid": 11, "port": 50001},
            ),
            tunnel("database", local_port=40124),
            service("database", requires=["cache.database"], seen={"pid": 12, "port": 50002}),
            tunnel("jobserver", "broken", DRIFT, note="service.jobserver comes up on another port"),
            service(
                "jobserver", "stale", DRIFT, note=dead, requires=["service.hashserver", "service.database"],
                seen={"reason": "its process is gone"},
            ),
            cache(
                "hashserver", "populated", DRIFT, wish="cold", note="should be cold, is populated",
                names=("hashserver", "hashserver-ro"), size=13_207_024_435, modified="2026-11-20 12:00:03",
                nested=["/data/hashserver/myproject/STAGE-a", "/data/hashserver/myproject/STAGE-b"],
            ),
            cache("database", size=98304, modified="2026-11-20 12:00:03"),
        ),
        (
            act(1, Verb.CLOSE_TUNNEL, "tunnel.hashserver", moved, state="open"),
            act(2, Verb.STOP, "service.hashserver", cleared, 1, state="running", pid=11),
            act(3, Verb.SAVE_LOG, "service.hashserver", "a launch starts the log anew", 2),
            act(4, Verb.REMOVE_STATE, "service.hashserver", cleared, 2, 3),
            act(
                5, Verb.CLEAR, "cache.hashserver", "should be cold, is populated", 2,
                destructive=True, path="/data/hashserver/myproject",
            ),
            act(6, Verb.LAUNCH, "service.hashserver", cleared, 2, 3, 4, 5, state="absent"),
            act(7, Verb.OPEN_TUNNEL, "tunnel.hashserver", moved, 1, 6),
            act(8, Verb.REMOVE_STATE, "service.jobserver", dead, state="stale"),
            act(9, Verb.LAUNCH, "service.jobserver", dead, 6, 8),
            act(10, Verb.CLOSE_TUNNEL, "tunnel.jobserver", "is broken"),
            act(11, Verb.OPEN_TUNNEL, "tunnel.jobserver", "service.jobserver comes up", 9, 10),
        ),
    )  # fmt: skip


def take_down():
    return Plan(
        (
            tunnel("hashserver", "open", DRIFT, wish="closed", note="should be closed, is open"),
            service("hashserver", "running", DRIFT, wish="stopped", note="should be stopped, is running"),
            tunnel("database", "orphan", DRIFT, wish="closed", note="should be closed, is orphan"),
            service("database", "failed", DRIFT, wish="absent", note="should be absent, is failed"),
            service(
                "jobserver",
                "running",
                DRIFT,
                wish="absent",
                note="should be absent, is running",
                host="other",
            ),
        ),
        (
            act(1, Verb.CLOSE_TUNNEL, "tunnel.hashserver", "should be closed, is open"),
            act(2, Verb.CLOSE_TUNNEL, "tunnel.database", "should be closed, is orphan"),
            act(3, Verb.STOP, "service.jobserver", "should be absent, is running", host="other"),
            act(4, Verb.STOP, "service.hashserver", "should be stopped, is running", 1, 3),
            act(5, Verb.SAVE_LOG, "service.database", "its log would be out of reach"),
            act(6, Verb.SAVE_LOG, "service.jobserver", "its log would be out of reach", 3, host="other"),
            act(7, Verb.REMOVE_STATE, "service.database", "should be absent, is failed", 2, 5),
            act(
                8, Verb.REMOVE_STATE, "service.jobserver", "should be absent, is running", 3, 6, host="other"
            ),
        ),
    )


def blocked():
    return Plan(
        (
            tunnel("hashserver", "closed", Verdict.BLOCKED),
            service("hashserver", "stale", Verdict.BLOCKED, seen={"reason": "its process is gone"}),
            service("old", "running", Verdict.BLOCKED, wish="stopped", seen={"port": 50009}),
            cache(
                "hashserver", "foreign", Verdict.BLOCKED, wish="cold", reason="it holds data, but no marker"
            ),
        ),
        (),
        (
            Blocked(
                "cache.hashserver",
                "/data/hashserver/myproject is foreign: it holds data, but no .HASHSERVER_PREFIX",
                "if it is yours to clear, put a .HASHSERVER_PREFIX there; otherwise use another path",
            ),
            Blocked("service.hashserver", "requires cache.hashserver, which is blocked"),
            Blocked("service.old", "it is protected: should be stopped, is running"),
            Blocked("tunnel.hashserver", "requires service.hashserver, which is blocked"),
        ),
        (Warned("cache.database", "one of two caches is cold, the other is not: a false pass still lurks"),),
    )


def unreachable():
    reason = "cluster: no answer within 15 s"
    gone = {"seen": {"reason": reason}}
    return Plan(
        (
            tunnel("far", "unknown", Verdict.UNKNOWN, reason="the service's host could not be asked"),
            service("far", "unknown", Verdict.UNKNOWN, host="cluster", requires=["cache.far"], **gone),
            service("near", "absent", DRIFT, note="is absent"),
            cache("far", "unknown", Verdict.UNKNOWN, wish="cold", host="cluster", reason=reason),
        ),
        (act(1, Verb.LAUNCH, "service.near", "is absent"),),
        (
            Blocked("cache.far", reason, "raise --timeout if the host is slow"),
            Blocked("service.far", reason, "raise --timeout if the host is slow"),
        ),
        (Warned("", "handshakes were left out (--passive): running and open are as recorded, not verified"),),
    )


def targeted():
    return Plan(
        (
            service("hashserver", "absent", DRIFT, note="is absent"),
            service("database", "stale", DRIFT, note="is stale"),
            service("daskserver", "starting", DRIFT),
        ),
        (act(1, Verb.LAUNCH, "service.hashserver", "is absent"),),
    )


def loose_ends():
    """A plan by hand: caches and tunnels without their services."""
    return Plan(
        (cache("alone"), tunnel("astray", "closed", DRIFT)), (act(1, Verb.OPEN_TUNNEL, "tunnel.astray", ""),)
    )


HOSTILE = "\x1b[31mred\x1b[0m [red]markup[/red] \u202egnp.exe\u202c \r\n\t\x07 `$(id)` <b>&\"'\\"
"""Everything a host could put into a name, a path or a log line to fool a terminal or a renderer."""


def hostile():
    bad = HOSTILE
    return Plan(
        (
            Resource("tunnel.x", "tunnel", "x", bad, bad, {"state": bad}, {"state": bad, "reason": bad},
                     DRIFT, (), (), ("x",), bad),
            Resource("service.x", "service", "x", bad, bad, {"state": bad}, {"state": bad, "reason": bad},
                     Verdict.UNKNOWN, (Change(bad, bad, {bad: [bad]}),), ("service." + bad,), ("x",), bad),
            Resource("cache.x", "cache", "x", bad, bad, {"state": "cold"},
                     {"state": bad, "path": bad, "modified": bad, "nested": [bad, {bad: bad}], "size": 5},
                     DRIFT, (Change("state", bad, "cold"),), (), ("x", bad), bad),
        ),
        (
            Action(1, Verb.CLEAR, "cache.x", "x", bad, bad, (), {bad: bad}, bad, destructive=True),
            Action(2, Verb.OPEN_TUNNEL, "tunnel.x", "x", bad, bad, (1,), {}, bad),
        ),
        (Blocked("service." + bad, bad, bad),),
        (Warned(bad, bad),),
    )  # fmt: skip


ALL = {
    make.__name__: make
    for make in (
        in_sync,
        first_start,
        cold_restart,
        take_down,
        blocked,
        unreachable,
        targeted,
        loose_ends,
        hostile,
    )
}


# --- how applies end -----------------------------------------------------------------------


def complete():
    plan = first_start()
    outcomes = tuple(
        Outcome(a, Result.DONE, seconds=1.234 * a.id, facts={"port": 50000 + a.id}) for a in plan.actions
    )
    return Applied(plan, outcomes, after=in_sync(), record="/home/me/.local/state/seamless-reconcile/runs/1")


def partial():
    plan = cold_restart()
    ended = [
        (Result.DONE, "", ""),
        (Result.UNNEEDED, "it was stopped already", ""),
        (Result.DONE, "312 lines", ""),
        (Result.DONE, "", ""),
        (
            Result.FAILED,
            "frontend: 3 directories could not be removed: Permission denied",
            "look at who owns them: `ls -la /data/hashserver/myproject`",
        ),
        (Result.SKIPPED, "requires 5, which failed", ""),
        (Result.SKIPPED, "requires 6, which was skipped", ""),
        (Result.REFUSED, "it was stale when planned, it is running now", "make a new plan"),
        (Result.SKIPPED, "requires 8, which was refused", ""),
        (Result.DONE, "", ""),
        (Result.SKIPPED, "requires 9, which was skipped", ""),
    ]
    outcomes = tuple(
        Outcome(action, result, detail, hint, 0.5 * action.id)
        for action, (result, detail, hint) in zip(plan.actions, ended, strict=True)
    )
    return Applied(plan, outcomes, after=blocked(), record="/state/runs/2")


def interrupted():
    plan = first_start()
    results = (Result.DONE, Result.DONE, Result.NOT_STARTED, Result.NOT_STARTED)
    outcomes = tuple(Outcome(a, r, seconds=0.7) for a, r in zip(plan.actions, results, strict=True))
    return Applied(plan, outcomes, interrupted=True, record="/state/runs/3")


def nothing_to_do():
    return Applied(in_sync())


def hostile_end():
    plan = hostile()
    results = (Result.FAILED, Result.REFUSED)
    outcomes = tuple(
        Outcome(a, r, HOSTILE, HOSTILE, 1.0, {HOSTILE: HOSTILE})
        for a, r in zip(plan.actions, results, strict=True)
    )
    return Applied(plan, outcomes, after=plan, record=HOSTILE)


ENDS = {make.__name__: make for make in (complete, partial, interrupted, nothing_to_do, hostile_end)}
