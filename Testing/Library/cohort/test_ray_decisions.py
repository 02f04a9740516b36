"""What the engine for Ray decides by itself: how much is in flight, batches, resources, and what an end means."""

from __future__ import annotations

import pytest

from LiverTumorAttentionLib.cohort import ray_cluster, ray_engine
from LiverTumorAttentionLib.cohort.engine import Event
from LiverTumorAttentionLib.cohort.ray_engine import RayEngine
from LiverTumorAttentionLib.cohort.schedule import run_tasks
from LiverTumorAttentionLib.cohort.task import Task
from LiverTumorAttentionLib.errors import DeviceError, InputError
from Testing.Library.cohort.fake_ray import FakeRay

GIB = 2**30
NODE = {"CPU": 4.0, "memory": 16.0 * GIB}


def engine(
    monkeypatch: pytest.MonkeyPatch,
    ray: FakeRay,
    workers: int | None = None,
    gpus: str = "auto",
    **options: bool,
) -> RayEngine:
    monkeypatch.setattr(ray_engine, "connected", lambda address: ray)
    monkeypatch.setattr(ray_cluster, "ASKED_EVERY_S", 0.0)
    return RayEngine("auto", workers, gpus, 3.0, **options)


def tasks(count: int) -> list[Task]:
    return [
        Task(name=f"c{n}", inputs={"portal": "p"}, settings={}, identity={}, folder=f"f{n}", version="0")
        for n in range(count)
    ]


def run(ray: FakeRay, used: RayEngine, count: int) -> dict[str, str]:
    """Run tasks; return the state of each case, which ends once."""
    ended: list[tuple[str, str]] = []

    def on_event(event: Event) -> None:
        ended.append((event.task.name, event.answer["state"]))

    run_tasks(tasks(count), used, on_event, lambda: None)
    assert len(ended) == len(dict(ended)) == count
    return dict(ended)


def test_what_is_in_flight_follows_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE, NODE])  # two cases on each by their cores, five by their memory
    used = engine(monkeypatch, ray)
    assert used.most == 8
    ray.alive.pop()
    assert used.most == 4
    assert engine(monkeypatch, FakeRay([NODE, NODE]), workers=3).most == 3
    tight = FakeRay([{"CPU": 32.0, "memory": 7.0 * GIB}])
    assert engine(monkeypatch, tight).most == 4  # two by memory
    cards = FakeRay([{**NODE, "GPU": 1.0}])
    assert engine(monkeypatch, cards).most == 2
    assert engine(monkeypatch, cards, gpus="none").most == 4


def test_a_cluster_without_room_for_a_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([{"CPU": 4.0, "memory": 2.0 * GIB}])
    with pytest.raises(
        InputError, match=r"no computer of the Ray cluster has 3 GiB for a case: give a smaller"
    ):
        engine(monkeypatch, ray)
    assert ray.ended
    with pytest.raises(InputError, match=r"3 GiB and a graphics card for a case"):
        engine(monkeypatch, FakeRay([NODE]), gpus="all")


def test_cores_memory_and_cards_are_resources_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([{**NODE, "GPU": 2.0}])
    run(ray, engine(monkeypatch, ray), 1)
    assert ray.sent == [({"max_retries": 0, "num_cpus": 2, "num_gpus": 1, "memory": 3 * GIB}, ["c0"])]


def test_small_cases_go_out_several_at_a_time_and_large_ones_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE], seconds=0.5)
    run(ray, engine(monkeypatch, ray), 40)
    sizes = [len(names) for _, names in ray.sent]
    assert sizes[:4] == [1, 1, 1, 1]
    assert max(sizes) == 4  # two seconds' worth
    large = FakeRay([NODE], seconds=10.0)
    run(large, engine(monkeypatch, large), 10)
    assert {len(names) for _, names in large.sent} == {1}


@pytest.mark.parametrize("fate", ["crash", "memory"])
def test_a_case_whose_worker_dies_is_tried_once_more_last_and_with_more_memory(
    monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    ray = FakeRay([NODE])
    ray.fates = {"c1": [fate], "c2": [fate, fate]}
    assert run(ray, engine(monkeypatch, ray), 6) == {**{f"c{n}": "done" for n in range(6)}, "c2": "failed"}
    assert [names for _, names in ray.sent[-2:]] == [["c1"], ["c2"]]
    assert [options["memory"] for options, _ in ray.sent[-2:]] == [6 * GIB, 6 * GIB]


def test_a_case_whose_computer_goes_begins_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE, NODE])
    ray.fates = {"c0": ["node"]}
    assert set(run(ray, engine(monkeypatch, ray), 20).values()) == {"done"}
    names = [sent[0] for _, sent in ray.sent]
    assert names.count("c0") == 2
    assert names[-1] != "c0"


def test_a_computer_without_this_software_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE])
    ray.fates = {"c0": ["import"]}
    with pytest.raises(
        InputError, match=r"could not begin \(No module named .* install this version of the software"
    ):
        run(ray, engine(monkeypatch, ray), 1)


def test_ray_that_ends_on_this_computer_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE])
    ray.fates = {"c1": ["own"]}
    with pytest.raises(DeviceError, match=r"Ray on this computer has ended, .*: start it again"):
        run(ray, engine(monkeypatch, ray), 4)


def test_cases_of_several_users_go_out_alone_and_when_there_is_a_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = FakeRay([NODE, NODE], seconds=0.01)
    used = engine(monkeypatch, ray, one_by_one=True)
    assert used.most == 4
    run(ray, used, 50)
    assert used.most == 4
    for task in tasks(3):
        used.submit(task)
    used.events(0.0)
    assert {len(names) for _, names in ray.sent} == {1}


def test_closing_cancels_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = FakeRay([NODE])
    used = engine(monkeypatch, ray)
    for task in tasks(3):
        used.submit(task)
    used.events(0.0)
    used.close()
    assert len(ray.cancelled) == 2
    assert ray.ended


def test_a_case_that_is_cancelled_takes_its_worker_and_the_others_begin_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = FakeRay([NODE], seconds=0.5)
    used = engine(monkeypatch, ray)
    run(ray, used, 8)  # small cases: from here on they go out several at a time
    sent = len(ray.sent)
    first, second, third = tasks(3)
    for task in (first, second):
        used.submit(task)
    used._send()
    assert [names for _, names in ray.sent[sent:]] == [["c0", "c1"]]
    used.submit(third)
    used.cancel(third)  # it was not sent yet
    assert ray.cancelled == []
    used.cancel(first)
    assert len(ray.cancelled) == 1
    assert [(event.kind, event.task.name) for event in used.events(0.0)] == [("lost", "c1")]
    used.submit(second)
    assert [(event.kind, event.task.name) for event in used.events(0.0)] == [("answered", "c1")]
