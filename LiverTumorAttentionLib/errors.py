"""Errors that a user can cause or fix.

The message of each says what is wrong, what was found, and what to do next; the command line prints it as
one line and exits with `exit_code`. Any other exception is a fault of the program and keeps its traceback.
"""

from __future__ import annotations


class LiverTumorAttentionError(Exception):
    """Base of all errors that are shown to a user without a traceback."""

    exit_code = 2


class InputError(LiverTumorAttentionError):
    """A file, a volume or a setting that the user gave cannot be used."""


class PhaseMismatch(InputError):
    """Volumes seem to be of other phases, or another study, than they were given as; the user may know better.

    finding: what was found, without what to do next; a panel asks about it.
    """

    def __init__(self, finding: str, advice: str) -> None:
        super().__init__(f"{finding}: {advice}")
        self.finding = finding


class ModelError(LiverTumorAttentionError):
    """A model is unknown, damaged, or does not fit the data or the network it names."""


class DeviceError(LiverTumorAttentionError):
    """The computing device that was asked for is not there or has too little memory."""


class OutOfMemory(DeviceError):
    """Memory ran out, and nothing that needs less of it was left to try."""


class RegistrationError(LiverTumorAttentionError):
    """The two phases could not be brought together at all."""


class OutputError(LiverTumorAttentionError):
    """A result cannot be written where the user wants it."""


class RemoteError(LiverTumorAttentionError):
    """A server that was to compute cannot be reached, refuses, or has ended the work."""


class Cancelled(LiverTumorAttentionError):
    """The user cancelled the run. What was written before that, if anything, the message says."""

    exit_code = 130

    def __init__(self, message: str = "cancelled; nothing was written") -> None:
        super().__init__(message)
