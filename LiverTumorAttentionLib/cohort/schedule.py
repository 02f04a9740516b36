"""Order of a cohort's tasks: a bounded number in flight, and what is done with those whose worker died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from LiverTumorAttentionLib.cohort.engine import ANSWERED, DIED, LOST, UNFIT, Engine, Event
from LiverTumorAttentionLib.cohort.task import FAILED, Task
from LiverTumorAttentionLib.errors import InputError

POLL_S = 0.25
MOST_LOSSES = 3
"""How often a case may go down with the computer that ran it."""

OnEvent = Callable[[Event], None]


def run_tasks(tasks: Iterable[Task], engine: Engine, on_event: OnEvent, check: Callable[[], None]) -> None:
    """Run all tasks; each ends with one event of the kind ANSWERED.

    A case that is lost with its computer begins again, up to `MOST_LOSSES` times. One whose worker died, as it does
    where memory runs out, is tried once more when all others are done: alone where tasks share one memory. Tasks are
    taken from the iterable as there is room for them. check: called often; raises to end it all. Raises `InputError`
    for a computer of a cluster that cannot begin: it would fail every case that it gets.
    """
    died_once: list[Task] = []
    losses: Counter[str] = Counter()

    def died(event: Event) -> None:
        died_once.append(anew(event.task))

    def died_again(event: Event) -> None:
        on_event(_failed(event))

    _run(iter(tasks), engine, on_event, check, died, losses, again=False)
    _run(iter(died_once), engine, on_event, check, died_again, losses, again=True)


def _run(
    tasks: Iterator[Task],
    engine: Engine,
    on_event: OnEvent,
    check: Callable[[], None],
    on_death: Callable[[Event], None],
    losses: Counter[str],
    *,
    again: bool,
) -> None:
    alone = again and engine.shares_memory
    flying = 0
    lost: list[Task] = []
    while True:
        while flying < (1 if alone else engine.most):
            task = lost.pop() if lost else next(tasks, None)
            if task is None:
                break
            engine.submit(task, again=again)
            flying += 1
        if not flying:
            return
        for event in engine.events(POLL_S):
            if event.kind == UNFIT:
                raise InputError(
                    f"a computer of the Ray cluster could not begin ({event.message}): install this version of the "
                    "software, and its models, on every computer of the cluster, and let all see the same folders"
                )
            if event.kind in (ANSWERED, DIED, LOST):
                flying -= 1
            if event.kind == LOST and losses[event.task.name] < MOST_LOSSES:
                losses[event.task.name] += 1
                lost.append(anew(event.task))
            elif event.kind in (DIED, LOST):
                on_death(event)
            else:
                on_event(event)
        check()


def anew(task: Task) -> Task:
    """Return a task as it begins again: into another folder, for its first worker may still be there."""
    return replace(task, folder=f"{task.folder}+")


def _failed(event: Event) -> Event:
    """Return the end of a case that died twice."""
    message = (
        f"its process {event.message}, also when it was tried again: the computer may have too little memory for this "
        "case; crop it to the liver, give fewer --workers, or run it on a computer with more memory"
    )
    return Event(kind=ANSWERED, task=event.task, answer={"state": FAILED, "message": message})
