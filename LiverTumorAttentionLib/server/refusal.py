"""Requests that are refused: a status of HTTP and a sentence for the person behind the client."""

from __future__ import annotations


class Refusal(Exception):
    """A request is refused. status: of HTTP. message: what is wrong, and what to do next."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def unknown(what: str) -> Refusal:
    """Return the refusal of an upload or a job that is not there, or is another client's."""
    return Refusal(404, f"there is no such {what}, or it was deleted: start again")
