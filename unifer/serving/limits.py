"""What the server takes, and what it says when it does not."""

from __future__ import annotations

from dataclasses import dataclass

HOST, PORT = "127.0.0.1", 8765
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names by which a browser reaches a server that listens on this machine alone."""

_LONGEST = 400


@dataclass(frozen=True)
class ServerLimits:
    """How much of everything. Raises ValueError for a limit that would let nothing through."""

    upload_bytes: int = 20_000_000
    """Of one photo's file."""
    pixels: int = 40_000_000
    """Of one photo; read from its header, before it is unpacked."""
    queue: int = 64
    """Requests that are received, wait, or are answered at the same time."""
    seconds: float = 60.0
    """From a request's last byte to its answer."""
    faces: int = 16
    """Of one photo that are read for one request."""
    votes: int = 16
    """Replies per face that a request may ask for."""
    receive_seconds: float = 30.0
    """For a request's bytes to arrive."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name} is {value}; a number above 0 is allowed")


class Refusal(Exception):
    """A request that gets no reading: its HTTP status, and one line that says why and what to do."""

    def __init__(self, status: int, line: str, retry_after: int | None = None) -> None:
        # A line may quote the request: not all of it, and half a surrogate pair has no UTF-8.
        plain = line.encode("utf-8", "replace").decode()
        self.line = plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
        super().__init__(self.line)
        self.status, self.retry_after = status, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What goes along: when to come again (whole seconds), how to bring a key."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return headers | ({"Retry-After": str(self.retry_after)} if self.retry_after else {})
