"""Settings of a server, as the command line fills them in; beyond this computer none runs without token and TLS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.cohort.engine_settings import EngineSettings
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.remote.address import DEFAULT_PORT, is_loopback
from LiverTumorAttentionLib.remote.protocol import CHUNK_BYTES, MOST_JSON_BYTES

RUNNER = "LiverTumorAttentionLib.server.work:segment_upload"
"""What runs a job, as "module:function"."""
MOST_CONNECTIONS = 128
"""At a time. Each holds a piece of `CHUNK_BYTES` in memory, at most."""
CONNECTIONS_BYTES = MOST_CONNECTIONS * (CHUNK_BYTES + MOST_JSON_BYTES)
"""What all of them can hold together."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings(EngineSettings):
    """A server. Raises `InputError` for a value out of range, and for a server that anybody could reach."""

    host: str = "127.0.0.1"
    """Name or address that it listens on."""
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    token_file: str | None = None
    """Tokens, one a line: who shows one may use the server, and sees what the same token has sent alone."""
    certificate: str | None = None
    """Of TLS, with its chain, PEM."""
    key: str | None = None
    """Private key of the certificate, PEM."""
    folder: str | None = None
    """Where volumes and results lie while they are needed; None takes one in the user's cache."""
    keep_minutes: float = 60.0
    """After so long without a question about it a case is deleted, whether its results were fetched or not."""
    max_gigabytes: float = 50.0
    """Of volumes and results together; beyond it no volume is taken."""
    most_jobs: int = 200
    """Jobs that wait, run or are done, at most."""
    case_minutes: float = 60.0
    """A job that computes for longer is ended."""
    silent_seconds: float = 120.0
    """A job that is not done is ended when its client has not asked for it for so long."""
    exchange_seconds: float = 60.0
    """A request that is not received, or whose answer is not taken, within this is cut."""
    runner: str = RUNNER
    """What runs a job; for tests and trials."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.port <= 65535:
            raise InputError(f"ports are 0 to 65535, got {self.port}: give a number in that range")
        for value, what in (
            (self.keep_minutes, "minutes that cases are kept"),
            (self.max_gigabytes, "gigabytes"),
            (self.most_jobs, "jobs at a time"),
            (self.case_minutes, "minutes of a case"),
            (self.silent_seconds, "seconds without a word"),
            (self.exchange_seconds, "seconds of an exchange"),
        ):
            if not 0 < value < 1e6:
                raise InputError(f"the number of {what} must be above 0, got {value:g}: give a larger one")
        if (self.certificate is None) != (self.key is None):
            raise InputError("TLS needs a certificate and its key: give both, or neither")
        if not is_loopback(self.host) and (self.token_file is None or self.certificate is None):
            raise InputError(
                f"a server on {self.host} can be reached by others: give --token-file, --certificate and --key, or "
                "leave out --host to serve this computer alone"
            )

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self.certificate is not None

    @property
    def most_bytes(self) -> int:
        """Of volumes and results together."""
        return int(self.max_gigabytes * 1e9)

    def place(self) -> Path:
        """Return the folder for volumes and results."""
        if self.folder is not None:
            return Path(os.path.abspath(self.folder))
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(cache) / "liver-tumor-attention" / "server"
