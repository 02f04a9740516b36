"""What runs tasks: processes of this computer or a Ray cluster, as the command line and scripts name it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from LiverTumorAttentionLib.errors import InputError

ENGINES = ("local", "ray")
MOST_WORKERS = 4096
_GPUS = re.compile(r"auto|all|none|[0-9]{1,3}(,[0-9]{1,3})*")


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """Which engine runs tasks, and how many. Raises `InputError` for a value out of range."""

    engine: str = "local"
    """"local": processes of this computer; "ray": tasks of a Ray cluster."""
    address: str | None = None
    """Of the Ray cluster: "auto" or "ray://HOST:PORT"; None starts Ray on this computer alone."""
    workers: int | None = None
    """Cases at a time, at most; None takes what cores, graphics cards and memory allow."""
    gpus: str = "auto"
    """Graphics cards: "all", "none", their numbers such as "0,1" (local), or "auto", all where there are any."""
    memory_gib: float = 3.0
    """Memory that a case may need, GiB: a worker is planned for every so many, and Ray reserves it."""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InputError(f"unknown engine {self.engine!r}: choose {' or '.join(ENGINES)}")
        if self.address is not None and self.engine != "ray":
            raise InputError(
                "an address was given, which the engine ray alone takes: choose --engine ray, or leave it out"
            )
        if self.address is not None and not re.fullmatch(
            r"auto|ray://[^\s/]+|[^\s/:]+:[0-9]{1,5}", self.address
        ):
            raise InputError(
                f"the address {self.address!r} is none of a Ray cluster: give auto, ray://HOST:10001 or HOST:6379"
            )
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(
                f"there are 1 to {MOST_WORKERS} workers, got {self.workers}: give a number in that range"
            )
        if not _GPUS.fullmatch(self.gpus):
            raise InputError(
                f"unknown graphics cards {self.gpus!r}: give auto, all, none, or numbers such as 0,1"
            )
        if self.engine == "ray" and self.gpus[0].isdigit():
            raise InputError("Ray chooses the graphics cards itself: give --gpus all or none")
        if not 0.1 <= self.memory_gib <= 4096:
            raise InputError(
                f"a case needs 0.1 to 4096 GiB, got {self.memory_gib:g}: give a number in that range"
            )
