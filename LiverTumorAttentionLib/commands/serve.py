"""`serve`: a compute server for one site."""

from __future__ import annotations

import argparse
import dataclasses

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE
from LiverTumorAttentionLib.commands.console import Console, add_engine
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.remote.address import DEFAULT_PORT


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "serve",
        help="segment the cases of others on this computer",
        description="Segment cases for the panels and command lines of one site (segment --server), until this is "
        "interrupted. It serves this computer alone; beyond it none runs without tokens and TLS. Clients send voxels "
        "and their grid, no name and no tag; what a case leaves is deleted once it is fetched, or after --keep. "
        f"{NOT_FOR_CLINICAL_USE}",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="name or address to listen on (default: 127.0.0.1)")
    add(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"to listen on; 0 takes a free one (default: {DEFAULT_PORT})",
    )
    add(
        "--token-file",
        metavar="FILE",
        help="tokens, one a line, each of 16 characters or more: who shows one is served, and sees its own cases alone",
    )
    add("--certificate", metavar="PEM", help="of TLS, with its chain")
    add("--key", metavar="PEM", help="private key of the certificate")
    add(
        "--folder",
        metavar="DIR",
        help="where volumes and results lie while they are needed; what an earlier run left there is deleted (default: "
        "in the user's cache; with Ray, one that all computers see)",
    )
    add(
        "--keep",
        dest="keep_minutes",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="delete a case that nobody has asked for so long (default: 60)",
    )
    add(
        "--max-gigabytes",
        type=float,
        default=50.0,
        metavar="GB",
        help="of volumes and results together (default: 50)",
    )
    add("--max-cases", dest="most_jobs", type=int, default=200, metavar="N", help="at a time (default: 200)")
    add(
        "--case-minutes",
        type=float,
        default=60.0,
        metavar="MINUTES",
        help="end a case that computes for longer (default: 60)",
    )
    add_engine(parser)
    add("--progress", choices=("json", "none"), default="none", help="json tells the address as a JSON line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, progress: Progress, console: Console) -> None:
    """Serve until the user interrupts it."""
    from LiverTumorAttentionLib.server.run import serve
    from LiverTumorAttentionLib.server.settings import ServerSettings

    names = [field.name for field in dataclasses.fields(ServerSettings) if hasattr(options, field.name)]
    settings = ServerSettings(**{name: getattr(options, name) for name in names if name != "run"})

    def on_ready(address: str, port: int) -> None:
        console.say(f"serving cases at {address} until interrupted (Ctrl-C). {NOT_FOR_CLINICAL_USE}")
        console.event("serving", address=address, port=port)

    serve(settings, progress, on_ready)
    console.done()
