"""`unifer serve`: readings over HTTP and on a page, from one engine for many clients."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from unifer.cli import flags, recognizer_flags
from unifer.cli.console import note
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.recognition.recognizer import Recognizer
    from unifer.serving.guard import Access
    from unifer.serving.limits import ServerLimits

_EPILOG = """\
The page is at the address itself, the HTTP interface at /docs. Photos are kept in memory until they are
answered, and nowhere else. Without --host only this machine can reach the server; give it a key before others
can. What a reading is not, and how far it can be trusted: docs/use.md.
"""
_SOME = 1_000_000
_BACKLOG = 2048
_PATIENCE = 10
"""Seconds that requests under way have left when the server is told to end."""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer serve`."""
    parser = commands.add_parser(
        "serve",
        help="a server and a page that read the expressions in photos",
        description="Serve readings of photos over HTTP, and a page to try them on.",
        epilog=_EPILOG,
    )
    _add_server(parser)
    recognizer_flags.add(
        parser, "; given twice, both models answer side by side", action="append", default=None
    )
    parser.set_defaults(run=_serve)


def _add_server(parser: argparse.ArgumentParser) -> None:
    server = parser.add_argument_group("server")
    server.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    server.add_argument(
        "--port", type=flags.whole(0, 65_535), default=8765, help="default: 8765; 0: any free"
    )
    server.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name under which this server is reached, such as a proxy's",
    )
    server.add_argument(
        "--api-key-env", metavar="NAME", help="environment variable that holds the key to send along"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--max-upload", type=flags.between(0.01, 1000), default=20.0, metavar="MB", help="default: 20"
    )
    limits.add_argument(
        "--max-pixels", type=flags.between(0.01, 80), default=40.0, metavar="M", help="millions (default: 40)"
    )
    limits.add_argument(
        "--queue",
        type=flags.whole(1, _SOME),
        default=64,
        metavar="N",
        help="requests that may wait or be under way; others hear 429 (default: 64)",
    )
    limits.add_argument(
        "--time-limit",
        type=flags.between(0.1, 86_400),
        default=60.0,
        metavar="S",
        help="seconds per request (default: 60)",
    )
    limits.add_argument(
        "--max-votes", type=flags.positive, default=16, metavar="N", help="per face (default: 16)"
    )


def _serve(args: argparse.Namespace) -> int:
    if args.boxes is not None or args.detector == "boxes":
        raise InputError("--boxes is for unifer predict; a request to the server names its own boxes")
    access, limits = _access(args), _limits(args)
    recognizers = [_recognizer(args, model) for model in args.model or [None]]
    # The port is taken before a model loads: minutes later is too late to hear that another has it.
    with _socket(args.host, args.port) as listening:
        _run(args, recognizers, listening, access, limits)
    return 0


def _run(
    args: argparse.Namespace,
    recognizers: list[Recognizer],
    listening: socket.socket,
    access: Access,
    limits: ServerLimits,
) -> None:
    try:
        import uvicorn

        from unifer.serving.app import create_app
        from unifer.serving.service import ReadingService
    except ModuleNotFoundError as error:
        if str(error.name).startswith("unifer"):
            raise
        raise InputError(
            f"unifer serve needs {error.name}; requirements.txt has it: install as README says"
        ) from None

    service = ReadingService(recognizers, limits)
    # A request to end (`kill`, a container that stops) is taken as Ctrl-C: engines have processes to end.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        note(f"loading {', '.join(service.recognizers)}")
        service.start()
        config = uvicorn.Config(
            create_app(service, access),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_PATIENCE,
        )
        listening.listen(_BACKLOG)  # who reads the address below may come before uvicorn's loop turns
        _announce(args, service.recognizers, listening, access)
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        note("stopped")
    finally:
        service.close()
        signal.signal(signal.SIGTERM, before)


def _announce(
    args: argparse.Namespace, recognizers: dict[str, Recognizer], listening: socket.socket, access: Access
) -> None:
    host = f"[{args.host}]" if ":" in args.host else args.host
    for warning in dict.fromkeys(each for one in recognizers.values() for each in one.warnings):
        note(f"beware: {warning}")
    for idle in filter(None, {recognizer_flags.idle_gpus(each.spec) for each in recognizers.values()}):
        note(idle)
    if access.hosts is None and access.key is None:
        note(f"beware: {args.host} may be reached by others, and no key is asked for (--api-key-env NAME)")
    note(f"serving on http://{host}:{listening.getsockname()[1]}/ (Ctrl-C stops)")


def _recognizer(args: argparse.Namespace, model: str | None) -> Recognizer:
    return recognizer_flags.recognizer(argparse.Namespace(**{**vars(args), "model": model}))


def _access(args: argparse.Namespace) -> Access:
    """Who may ask. Raises InputError: a key is wanted, and the environment holds none."""
    from unifer.serving.guard import Access
    from unifer.serving.limits import LOOPBACK

    key = None
    if args.api_key_env is not None:
        key = os.environ.get(args.api_key_env, "").strip()
        if not key:
            raise InputError(
                f"--api-key-env {args.api_key_env}: that variable is not set; export the key in it"
            )
        if not (key.isascii() and key.isprintable()):
            raise InputError(f"--api-key-env {args.api_key_env}: letters, digits and signs make a key")
    local = args.host in LOOPBACK or args.host.startswith("127.")
    hosts = frozenset((*LOOPBACK, args.host, *(name.lower() for name in args.allow_host))) if local else None
    return Access(hosts, key)


def _limits(args: argparse.Namespace) -> ServerLimits:
    from unifer.serving.limits import ServerLimits

    return ServerLimits(
        upload_bytes=int(args.max_upload * 1e6),
        pixels=int(args.max_pixels * 1e6),
        queue=args.queue,
        seconds=args.time_limit,
        votes=args.max_votes,
    )


def _socket(host: str, port: int) -> socket.socket:
    """Bound, not yet listening. Raises InputError: taken, not allowed, or no address of this machine."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InputError(
            f"--host {host}: {error.strerror or error}; give an address of this machine"
        ) from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} of {host} is in use; stop what listens there, or give another by --port"
            ) from None
        raise InputError(f"--host {host} --port {port}: {error.strerror}; give another") from None
    return made
