"""A Python that has imported what a program needs, for tests that start it often: each start is a fork of it.

    python -m Testing.bench.warm_python SOCKET MODULE...     imports the modules, and forks for every call
    python Testing/bench/warm_python.py SOCKET -m PROGRAM …  one call: `python -m PROGRAM …` with this call's streams,
                                                             folder, environment and arguments; ends with its code

One call at a time. A call that is killed leaves its fork behind.
"""

from __future__ import annotations

import json
import os
import socket
import sys

_LONGEST = 1 << 20


def call(address: str, arguments: list[str]) -> int:
    """Have the warm Python run a program, and return its exit code."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
        socket.send_fds(connection, [json.dumps(asked).encode() + b"\n"], [0, 1, 2])
        return int(connection.makefile().readline() or 1)


def serve(address: str, modules: list[str]) -> None:
    """Import the modules and run what is asked for, as long as the process that started this one lives."""
    import importlib

    parent = os.getppid()
    for module in modules:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(1.0)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.setblocking(True)
                asked, streams, *_ = socket.recv_fds(connection, _LONGEST, 3)
                while not asked.endswith(b"\n"):
                    asked += connection.recv(_LONGEST)
                child = os.fork()
                if child == 0:
                    listener.close()
                    _run(json.loads(asked), streams)
                for stream in streams:
                    os.close(stream)
                _, status = os.waitpid(child, 0)
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _run(asked: dict, streams: list[int]) -> None:
    """Become the program that is asked for."""
    import runpy

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115  open until the end
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    _, program, *arguments = asked["arguments"]
    sys.argv = [program, *arguments]
    sys.path.insert(0, asked["folder"])
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if __spec__ is None:
        sys.exit(call(sys.argv[1], sys.argv[2:]))
    serve(sys.argv[1], sys.argv[2:])
