"""How long tests wait for what happens elsewhere: a child process, a server, an event of the window."""

from __future__ import annotations

PATIENCE_S = 300.0
"""Far more than anything takes on a busy machine, less than a whole test may take. A wait ends as soon as it can."""
