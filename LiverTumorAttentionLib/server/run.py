"""A server from its settings to its end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import ssl
from collections.abc import Callable, Iterator

from LiverTumorAttentionLib.cohort.engine import Engine
from LiverTumorAttentionLib.cohort.engines import make_engine
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import reason
from LiverTumorAttentionLib.remote.address import read_tokens
from LiverTumorAttentionLib.server.settings import MOST_CONNECTIONS, ServerSettings
from LiverTumorAttentionLib.server.store import Store

NEEDED = ("fastapi", "uvicorn")
KEEP_ALIVE_S = 30
POLL_S = 0.2
END_S = 3
BACKLOG = 128

OnReady = Callable[[str, int], None]
"""Called with the address, such as "http://127.0.0.1:8642", and the port once the server can be asked."""


def serve(
    settings: ServerSettings, progress: Progress, on_ready: OnReady, *, engine: Engine | None = None
) -> None:
    """Serve until `progress` is cancelled; then nothing of any case is left.

    engine: instead of the one that the settings name; for tests.
    Raises `InputError` without the extra [server], for tokens, certificates or a port that cannot be used and without
    Ray; `OutputError` for the folder, `DeviceError` for graphics cards that are not there.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"a server needs {' and '.join(missing)}, not installed here: install the extra with pip "
            "install '.[server]'"
        )
    tokens = [] if settings.token_file is None else read_tokens(settings.token_file)
    _check_certificate(settings)
    store = Store(settings.place(), settings.most_bytes)
    with store.opened(), _listening(settings) as listener:
        used = engine or make_engine(settings, one_by_one=True)
        asyncio.run(_serve(settings, store, used, tokens, listener, progress, on_ready))


async def _serve(
    settings: ServerSettings,
    store: Store,
    engine: Engine,
    tokens: list[str],
    listener: socket.socket,
    progress: Progress,
    on_ready: OnReady,
) -> None:
    import uvicorn

    from LiverTumorAttentionLib.server.app import make_app
    from LiverTumorAttentionLib.server.exchange_limit import limited_protocol
    from LiverTumorAttentionLib.server.guard import Guard
    from LiverTumorAttentionLib.server.jobs import Jobs

    jobs = Jobs(settings, store, engine)
    config = uvicorn.Config(
        Guard(make_app(settings, store, jobs), tokens),
        http=limited_protocol(settings.exchange_seconds),
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=END_S,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    server = uvicorn.Server(config)
    # Signals are the program's own: `progress` tells of them.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    running = [
        asyncio.create_task(work)
        for work in (
            server.serve(sockets=[listener]),
            jobs.run(),
            jobs.keep_house(),
            _until_cancelled(progress),
        )
    ]
    scheme = "https" if settings.encrypted else "http"
    host, port = listener.getsockname()[:2]
    on_ready(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", port)
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        jobs.stop()
        for task in running[2:]:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]  # it is none of None


async def _until_cancelled(progress: Progress) -> None:
    while not progress.cancelled:
        await asyncio.sleep(POLL_S)


def _check_certificate(settings: ServerSettings) -> None:
    if settings.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.certificate, settings.key
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"the certificate '{settings.certificate}' and its key '{settings.key}' cannot be used "
            f"({reason(error).lower()}): give both in PEM, the key without a password"
        ) from error


@contextlib.contextmanager
def _listening(settings: ServerSettings) -> Iterator[socket.socket]:
    """Yield a socket that listens. Raises `InputError`."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family[0], socket.SOCK_STREAM)
    except OSError as error:
        raise _no_port(settings, error) from error
    with listener:
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(family[4])
            listener.listen(BACKLOG)
        except OSError as error:
            raise _no_port(settings, error) from error
        yield listener


def _no_port(settings: ServerSettings, error: OSError) -> InputError:
    return InputError(
        f"the port {settings.port} of {settings.host} cannot be used ({reason(error).lower()}): give another --port or "
        "--host"
    )
