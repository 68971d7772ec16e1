"""Replies of every kind that a benchmark meets: truthful, wrong, denying, malformed, hostile, empty. Seeded."""

from __future__ import annotations

from random import Random

from unifer.action_units import ACTION_UNITS, PROTOTYPES

WORDS = ("the", "brow", "raised", "lips", "corners", "pulled", "cheek", "smiling", "tension", "eyes", "widened", "suggests", "expressions")
HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x1b[0m",
    "\u202eevil\u202c",
    "\0",
    "\ud800",
    "</think></think><answer>",
    "y" * 3000,
    "AU999 AU0 AU12345",
    '{"score": 10}',
    "İstanbul ﬁ ＡＵ１２",
    "no " * 500,
)


def prose(random: Random, most: int = 60) -> str:
    """Up to `most` words of a small vocabulary, so that two texts have much in common."""
    return " ".join(random.choices(WORDS, k=random.randint(0, most)))


def listed(units: frozenset[int]) -> str:
    return ", ".join(f"AU{unit} ({ACTION_UNITS[unit].name})" for unit in sorted(units))


def reply(random: Random, shown: frozenset[int], label: str) -> str:
    """One reply to a face that shows `shown` and is of `label`."""
    spurious = frozenset(random.sample(sorted(ACTION_UNITS), random.randint(1, 4)))
    some = frozenset(unit for unit in shown if random.random() < 0.7)
    said = random.choice(tuple(PROTOTYPES))
    kinds = (
        f"<think>{prose(random)} {listed(shown)} {prose(random)}</think>\n<answer>{label}</answer>",
        f"<think>{listed(some | spurious)}. {prose(random)}</think><answer>{said}</answer>",
        f"<think>{listed(some)}, but no {listed(spurious)}. {prose(random)}</think><answer>{said}</answer>",
        f"{listed(some)} {prose(random)}",
        f"<think>{listed(shown)} {prose(random)}",
        f"<think>{listed(some)}</think><answer>{said}</answer><answer>{label}</answer>",
        f"<think>{random.choice(HOSTILE)} {listed(some)} {random.choice(HOSTILE)}</think><answer>{label}</answer>",
        random.choice(("", " ", "\n", "<think></think><answer></answer>")),
    )
    return random.choice(kinds)
