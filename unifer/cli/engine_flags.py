"""The flags that choose and set up an engine, and the engine that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.models.engines import EngineName, EngineSpec


def add_generation(
    parser: argparse.ArgumentParser, temperature: str = "0, the default, is greedy"
) -> argparse._ArgumentGroup:
    """How replies are generated; None where a profile fills a flag in.

    Returns the group, for further flags.
    """
    generation = parser.add_argument_group("generation")
    generation.add_argument("--max-new-tokens", type=flags.positive, metavar="N", help="default: 1024")
    generation.add_argument("--temperature", type=float, metavar="T", help=temperature)
    generation.add_argument("--top-p", type=float, metavar="P", help="default: 1")
    generation.add_argument("--repetition-penalty", type=float, metavar="R", help="1, the default, is none")
    generation.add_argument("--seed", type=int, default=0)
    generation.add_argument(
        "--image-size", type=int, metavar="PIXELS", help="side; 0 keeps each image's own size (default: 224)"
    )
    return generation


def add_engine(parser: argparse.ArgumentParser) -> None:
    """`--engine`, and what goes with one or the other."""
    engine = parser.add_argument_group("engine")
    engine.add_argument(
        "--engine",
        choices=("transformers", "vllm", "server", "scripted"),
        help="default: vllm where installed, else transformers",
    )
    engine.add_argument("--dtype", choices=("auto", "bfloat16", "float16", "float32"), help="default: auto")
    servers = (
        "server only: vLLM servers of the model that run already, such as http://first-node:8000/v1; "
        "several share the questions"
    )
    engine.add_argument("--url", nargs="+", action=_Collected, default=(), metavar="URL", help=servers)
    batch = (
        "transformers: requests a batch (default: 32); server: requests that each URL holds at once "
        "(default: 128)"
    )
    engine.add_argument("--batch-size", type=flags.positive, metavar="N", help=batch)
    engine.add_argument(
        "--attn", default="sdpa", help="transformers only: sdpa (default), eager or flash_attention_2"
    )
    engine.add_argument(
        "--gpu-memory-utilization", type=float, metavar="F", help="vllm only: share of each GPU's memory"
    )
    engine.add_argument(
        "--tensor-parallel-size",
        type=flags.positive,
        default=1,
        metavar="N",
        help="vllm only: GPUs an engine",
    )
    engine.add_argument(
        "--replies",
        type=Path,
        metavar="FILE",
        help="scripted only: JSON of replies, for dry runs without a model",
    )
    engine.add_argument(
        "--reply-seconds", type=float, default=0.0, metavar="S", help="scripted only: time each reply takes"
    )


class _Collected(argparse.Action):
    """Collects the values of a flag that is given several times; inherited ones, a tuple, are replaced."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*(before if isinstance(before, list) else ()), *values])


def spec(
    args: argparse.Namespace,
    name: EngineName,
    path: Path,
    *,
    urls: tuple[str, ...],
    repetition_penalty: float | None = None,
    **more: Any,
) -> EngineSpec:
    """The engine at `path` by the flags; `more` are the checkpoint's own settings of decoding.

    Raises InputError: out of range.
    """
    from unifer.dialogue.images import PATCH, ImageRule
    from unifer.models.engines import EngineSpec, GenerationSettings
    from unifer.models.families import unit_of

    penalty = args.repetition_penalty if repetition_penalty is None else repetition_penalty
    try:
        settings = GenerationSettings(
            args.max_new_tokens, args.temperature, args.top_p, penalty, args.seed, more
        )
        rule = ImageRule(args.image_size or None, unit_of(path, PATCH))
    except ValueError as error:
        raise InputError(str(error)) from None
    return EngineSpec(
        name,
        path,
        settings=settings,
        image_rule=rule,
        dtype=args.dtype,
        attn=args.attn,
        batch_size=args.batch_size,
        gpu_memory_utilization=args.gpu_memory_utilization,
        tensor_parallel_size=args.tensor_parallel_size,
        seconds=args.reply_seconds,
        urls=urls,
    )


def urls(args: argparse.Namespace, engine: str) -> tuple[str, ...]:
    """Where the servers are. Raises InputError: none named, or flags that are a server's own business."""
    if engine != "server":
        if args.url:
            raise InputError(
                f"--url {args.url[0]}: is for --engine server, not {engine}; give that, or leave --url away"
            )
        return ()
    if not args.url:
        raise InputError(
            "--engine server needs --url URL, the address of a vLLM server of the model, such as "
            "http://first-node:8000/v1"
        )
    for flag, given in (
        ("--dtype", args.dtype != "auto"),
        ("--shards", getattr(args, "shards", None) not in (None, 1)),
    ):
        if given:
            raise InputError(
                f"{flag} is for engines on this machine; leave it away, the servers at --url decide"
            )
    from unifer.models.running_servers import server_urls

    return server_urls(args.url)


def replies_file(args: argparse.Namespace) -> Path:
    """Where the scripted engine's replies are. Raises InputError: not named, or not there."""
    if args.replies is None or not args.replies.is_file():
        raise InputError(
            "--engine scripted needs --replies FILE, a JSON object "
            f"{{question id or image_path: reply}}, not {args.replies}"
        )
    path: Path = args.replies
    return path
