"""The published rules written a second time, step by step from their descriptions, and replies invented to
part the two writings.

Nothing here calls what it is held against; slow regular expressions and tables are what makes it easy to
read.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

EMOTIONS = ("happiness", "sadness", "anger")
UNITS = (1, 4, 6, 12, 25, 43)
REFERENCES = ("AU6 and AU12: the lips are raised.", "Brows raised, lips part; happiness", "no AU4")
_REASONED = (
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "<Think>",
        "</THINK>",
        "<Answer>",
        "\n",
        " ",
        ", ",
        "; ",
        "no ",
    ),
    *(
        "AU6",
        "AU12",
        "AU 12",
        "au12",
        "AU012",
        "AU1",
        "AU25",
        "AU99",
        "AU2, AU6",
        "AU12C",
        "happiness",
        "sadness",
        "Anger",
        "anger",
        "joy",
    ),
    *("The brows are raised", "lips parting", "raised lips", ""),
)
TAGGED = (
    *("<answer>", "</answer>", "<Answer>", "</ANSWER>", "<answer> ", " </answer>", "<think>", "</think>"),
    *("\n", " ", "\t", "\r", "\x1c", "\u2028"),
    *(
        "un",
        "not ",
        "no ",
        "a stranger smiles with joy",
        "The ",
        ".",
        ",",
        "ſ",
        "İ",
        "Happy",
        "UNHAPPY",
        "</answer",
        "<answer",
    ),
)


def reasoned(rng: random.Random) -> str:
    """A reply with AUs: in both blocks, in one, in none, cut off, doubled; half of them of the form that is
    asked for.
    """
    body = "".join(rng.choice(_REASONED) for _ in range(rng.randrange(9)))
    return f"<think>{body}</think><answer>{rng.choice(EMOTIONS)}</answer>" if rng.random() < 0.5 else body


def labelled(rng: random.Random, words: Sequence[str]) -> str:
    """A reply of tags, blanks and `words`, in any order."""
    return "".join(rng.choice(words if rng.random() < 0.4 else TAGGED) for _ in range(rng.randrange(12)))


# --- UniFER ---


def unifer_label(reply: str, candidates: Sequence[str], table: Mapping[str, Sequence[str]], tag: str) -> str:
    """The label by protocol `unifer`; `tag` is `one_line` or `any_lines`."""
    if tag == "one_line":
        match = re.search(r"<answer>\s*(.*?)\s*</answer>", reply, re.IGNORECASE)
    else:
        match = re.search(r"<answer>(.*?)</answer>", reply, re.DOTALL)
    if match:
        text = match.group(1).strip().lower()
        for label in candidates:
            if label == text or label in text:
                return label
    lowered = reply.lower()
    for label in candidates:
        if re.search(rf"\b{re.escape(label)}\b", lowered) or label in lowered:
            return label
    for label, words in table.items():
        for word in words:
            if word in lowered:
                return label
    return "unknown"


def unifer_metrics(pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> dict[str, Any]:
    """`overall`, `per_class` and `confusion_matrix` of (truth, predicted) pairs, from counts."""
    cells, truths, said = (
        Counter(pairs),
        Counter(pair[0] for pair in pairs),
        Counter(pair[1] for pair in pairs),
    )

    def of(label: str) -> tuple[float, float, float]:
        hits = cells[label, label]
        precision, recall = (
            (hits / said[label] if said[label] else 0.0),
            (hits / truths[label] if truths[label] else 0.0),
        )
        return precision, recall, (2 * precision * recall / (precision + recall) if hits else 0.0)

    union = sorted({*truths, *said})
    macro = [sum(of(label)[index] for label in union) / len(union) for index in range(3)]
    accuracy = sum(count for (truth, predicted), count in cells.items() if truth == predicted) / len(pairs)
    return {
        "overall": dict(zip(("accuracy", "precision", "recall", "f1"), (accuracy, *macro), strict=True)),
        "per_class": [
            dict(
                zip(
                    ("emotion", "precision", "recall", "f1", "support"),
                    (label, *of(label), truths[label]),
                    strict=True,
                )
            )
            for label in labels
        ],
        "confusion_matrix": [[cells[truth, predicted] for predicted in labels] for truth in labels],
    }


def unifer_accuracy(reply: str, label: str) -> float:
    found = re.search(r"<answer>(.*?)</answer>", reply, re.DOTALL)
    return 1.0 if (found.group(1) if found else reply).strip() == label else 0.0


def unifer_format(reply: str) -> float:
    return 1.0 if re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", reply, re.DOTALL) else 0.0


# --- Facial-R1 ---


def facial_r1_units(reply: str) -> set[str]:
    found = re.search(r"<think>(.*?)</think>", reply, re.DOTALL | re.IGNORECASE)
    return set(re.findall(r"AU\d+", found.group(1))) if found else set()


def facial_r1_label(reply: str) -> str | None:
    found = re.search(r"<answer>(.*?)</answer>", reply, re.DOTALL | re.IGNORECASE)
    words = [word for word in re.split(r"[,;\s]", found.group(1) if found else reply) if word]
    return words[0] if words else None


def facial_r1_accuracy(reply: str, label: str | None) -> float:
    if label is None:
        return 0.5
    found = re.findall(r"<answer>(.*?)</answer>", reply, re.DOTALL)
    return 1.0 if (found[-1] if found else reply).strip() == label else 0.0


def facial_r1_au(reply: str, shown: Sequence[int] | None) -> float:
    if not shown:
        return 0.0
    found = re.search(r"<think>(.*?)</think>", reply, re.DOTALL | re.IGNORECASE)
    claimed = (
        {text.upper() for text in re.findall(r"AU\d+", found.group(1), re.IGNORECASE)} if found else set()
    )
    hits = len(claimed & {f"AU{unit}" for unit in shown})
    if not hits:
        return -1.0
    precision, recall = hits / len(claimed), hits / len(set(shown))
    return 2 * (2 * precision * recall / (precision + recall)) - 1


@cache
def _stem(word: str) -> str:
    from nltk.stem.porter import PorterStemmer

    return str(PorterStemmer().stem(word)) if len(word) > 3 else word


def rouge_l(reply: str, reference: str) -> float:
    said, wanted = (
        [_stem(word) for word in re.sub(r"[^a-z0-9]+", " ", text.lower()).split()]
        for text in (reply, reference)
    )
    table = [[0] * (len(wanted) + 1) for _ in range(len(said) + 1)]
    for i, left in enumerate(said):
        for j, right in enumerate(wanted):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    common = table[-1][-1]
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def facial_r1_scores(rows: Sequence[Mapping[str, Any]], units: Sequence[int]) -> dict[str, Any]:
    """Hits, false alarms and misses per AU of `units`, the means that follow, right labels and mean ROUGE-L,
    row by row.
    """
    hits, extra, lost, exact, right, texts = [0] * len(units), [0] * len(units), [0] * len(units), 0, 0, 0.0
    for row in rows:
        read = facial_r1_units(row["model_response"])
        claimed, shown = [f"AU{unit}" in read for unit in units], [unit in row["AUs"] for unit in units]
        exact += claimed == shown
        right += facial_r1_label(row["model_response"]) == row["true_label"]
        texts += rouge_l(row["model_response"], row["provenance"]["description"])
        for at, (said, true) in enumerate(zip(claimed, shown, strict=True)):
            hits[at] += said and true
            extra[at] += said and not true
            lost[at] += true and not said
    each = [2 * h / (2 * h + e + m) if h else 0.0 for h, e, m in zip(hits, extra, lost, strict=True)]
    micro = 2 * sum(hits) / (2 * sum(hits) + sum(extra) + sum(lost))
    means = {
        "macro": sum(each) / len(each),
        "micro": micro,
        "recall": sum(hits) / (sum(hits) + sum(lost)),
        "rouge": texts / len(rows),
    }
    return means | {"hits": hits, "extra": extra, "lost": lost, "exact": exact, "right": right}
