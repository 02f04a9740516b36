"""A Ray cluster as this program sees it: connected, and what its computers have."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.threads import usable_cores

ASKED_EVERY_S = 1.0
"""Computers of a large cluster are not asked for before each of its cases."""
AUTHENTICATION, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
THREADS = 2
GIB = 2**30


class RayCluster:
    """What the computers that are alive have, and how many cases that is enough for.

    ray: the module, connected. memory: bytes that a case reserves. gpus: "all", "none" or "auto".
    """

    def __init__(self, ray: Any, memory: int, gpus: str) -> None:
        self._ray = ray
        self._memory = memory
        self._asked = -math.inf
        self._known: list[dict[str, float]] = []
        nodes = self.nodes()
        self.cards = 1 if gpus == "all" or (gpus == "auto" and sum(n["GPU"] for n in nodes) > 0) else 0
        self.cores = min(THREADS, max(1, int(max((n["CPU"] for n in nodes), default=1))))
        self._alive = len(nodes)

    def nodes(self, *, now: bool = False) -> list[dict[str, float]]:
        """Return the resources of each computer that is alive. now: whether what was found a second ago is too old."""
        if now or time.monotonic() - self._asked >= ASKED_EVERY_S:
            found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._known = [
                {name: float(each.get(name, 0)) for name in ("CPU", "GPU", "memory")} for each in found
            ]
            self._asked = time.monotonic()
        return self._known

    def slots(self) -> int:
        """Return how many cases the cluster can compute at once."""
        total = 0
        for node in self.nodes():
            bounds = [node["CPU"] / self.cores, node["memory"] / self._memory]
            bounds += [node["GPU"] / self.cards] if self.cards else []
            total += math.floor(min(bounds))
        return total

    def reserved(self, times: float) -> dict[str, Any]:
        """Return what Ray reserves for a case. times: its memory, at most that of the largest computer."""
        largest = int(max((node["memory"] for node in self.nodes()), default=self._memory))
        memory = min(int(self._memory * times), largest)
        return {"num_cpus": self.cores, "num_gpus": self.cards, "memory": memory}

    def has_lost_a_computer(self) -> bool:
        """Return whether a computer has gone since this was last asked."""
        before, self._alive = self._alive, len(self.nodes(now=True))
        return self._alive < before


def connected(address: str | None) -> Any:
    """Return Ray, connected; without an address it is started on this computer. Raises `InputError`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    if address is None and AUTHENTICATION not in os.environ:
        # It listens on all networks, and runs the code of whoever is let in.
        os.environ |= {AUTHENTICATION: "token", TOKEN: secrets.token_hex(32)}
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise InputError(
            "the engine ray needs Ray, which is not installed: install it with pip install '.[cluster]', or give "
            "--engine local"
        ) from error
    own: dict[str, Any] = {"num_cpus": usable_cores(), "include_dashboard": False} if address is None else {}
    try:
        with _own_signals():
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        raise InputError(
            f"the Ray cluster at {address or 'this computer'} does not answer ({' '.join(str(error).split())[:200]}): "
            "check the address, and that it runs Ray of this version"
        ) from error
    return ray


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Put back what the program does at SIGTERM: Ray would end it in the middle of whatever it does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)
