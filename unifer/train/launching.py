"""torchrun with its arguments, but without its traceback where the ranks have spoken for themselves.

A rank that refuses its input, or that Ctrl-C stops, has said so in a line; torchrun would bury that under a
page of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from unifer.errors import INTERRUPTED, InputError
from unifer.models.devices import visible_gpus


def launch(argv: Sequence[str]) -> int:
    """Start the ranks as torchrun's arguments say; the exit status.

    That is the status of the first rank that failed, 130 after Ctrl-C, else 0. The word `visible` stands for
    the number of GPUs this process may use, one at least. Raises InputError where several machines did not
    find each other.
    """
    from torch.distributed import DistNetworkError, DistStoreError, run
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        run.main([str(max(1, len(visible_gpus()))) if word == "visible" else word for word in argv])
    except SignalException:
        return INTERRUPTED
    except (DistNetworkError, DistStoreError) as error:
        raise InputError(_not_together(argv, str(error))) from None
    except ChildFailedError as failed:
        _, failure = failed.get_first_failure()
        return failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
    return 0


def _not_together(argv: Sequence[str], reason: str) -> str:
    """Why several machines are not one launch, in one line."""
    given = dict(pairwise(argv))
    first = f"{given.get('--master_addr', 'the first machine')}:{given.get('--master_port', '29500')}"
    who = f"machine {given.get('--node_rank', '0')} of {given.get('--nnodes', '?')}"
    return (
        f"{who}: {reason.splitlines()[0].rstrip('.')}. Start the same line on every machine, each with "
        f"its own NODE_RANK, and see that all reach {first}; RENDEZVOUS_MINUTES is how long they wait"
    )
