"""A computer of a Ray cluster that tests start on this machine."""

from __future__ import annotations

import socket
from typing import Any


def computer(cores: int = 1) -> dict[str, Any]:
    """Return the arguments of a computer of the cluster; without cores it computes nothing.

    Ports that are given are not waited for on a busy machine.
    """
    ports = (
        "metrics_agent_port",
        "metrics_export_port",
        "runtime_env_agent_port",
        "dashboard_agent_listen_port",
    )
    return {
        "num_cpus": cores,
        "memory": 2**30,
        "include_dashboard": False,
        **{name: free_port() for name in ports},
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
