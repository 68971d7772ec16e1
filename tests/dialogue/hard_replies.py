"""Replies that graders get wrong: (reply, outcome, label or None), in groups named for the hazard.

Candidates are those of the group: adjectives as in FERPlus, or nouns as in AffectNet.
"""

from __future__ import annotations

from typing import NamedTuple

ADJECTIVES = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
NOUNS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")

Case = tuple[str, str, str | None]


class Group(NamedTuple):
    hazard: str
    candidates: tuple[str, ...]
    cases: tuple[Case, ...]


def answered(label: str, *answers: str) -> tuple[Case, ...]:
    return tuple(
        (f"<think>It shows.</think><answer>{answer}</answer>", "answered", label) for answer in answers
    )


def off_list(*answers: str) -> tuple[Case, ...]:
    return tuple(
        (f"<think>It shows.</think><answer>{answer}</answer>", "off_list", None) for answer in answers
    )


def no_answer(*replies: str) -> tuple[Case, ...]:
    return tuple((reply, "no_answer", None) for reply in replies)


def whole(outcome: str, label: str | None, *replies: str) -> tuple[Case, ...]:
    return tuple((reply, outcome, label) for reply in replies)


MEGABYTE = 2**20

# fmt: off
GROUPS = (
    Group(
        "every label answers for itself",
        ADJECTIVES,
        tuple(case for label in ADJECTIVES for case in answered(label, label)),
    ),
    Group(
        "every noun label answers for itself",
        NOUNS,
        tuple(case for label in NOUNS for case in answered(label, label)),
    ),
    Group(
        "letter case, stops and blanks (the published reward was case-sensitive)",
        ADJECTIVES,
        answered(
            "happy", "Happy", "HAPPY", "hApPy", "happy.", "Happy.", "Happy!!!", "happy?", "happy;", " happy ",
            "\thappy\n", "\n\nhappy\n\n",
        )
        + answered(
            "happy", "happy...", "happy…", "happy。", "happy\r\n", "\u00a0happy\u00a0", "\ufeffhappy",
            "happy\u200b", "- happy", ": happy",
        ),
    ),
    Group(
        "quotes and light markup",
        ADJECTIVES,
        answered(
            "sad", '"sad"', "'sad'", "“sad”", "‘Sad’", "«sad»", "`sad`", "**sad**", "*sad*", "__sad__",
            "_Sad_.", "~~sad~~", "# sad",
        )
        + answered(
            "sad", "(sad)", "[sad]", "{sad}", "<sad>", "**Sad.**", '"**sad**"', "$sad$", "\\boxed{sad}",
            "$\\boxed{\\text{Sad}}$", "「sad」",
        ),
    ),
    Group(
        "noun and adjective of one word are one label",
        ADJECTIVES,
        answered("happy", "happiness", "Happiness.")
        + answered("sad", "sadness")
        + answered("angry", "anger")
        + answered("surprise", "surprised")
        + answered("fear", "fearful")
        + answered("disgust", "disgusted")
        + answered("contempt", "contemptuous"),
    ),
    Group(
        "the same the other way round",
        NOUNS,
        answered("happiness", "happy", "HAPPY!")
        + answered("sadness", "sad")
        + answered("anger", "angry")
        + off_list("unhappiness"),
    ),
    Group(
        "a label inside another word is not that label",
        ADJECTIVES,
        off_list(
            "unhappy", "Unhappy.", "unhappiness", "happyish", "sadistic", "fearless", "feared", "surprising",
            "madness", "neutrality",
        )
        + off_list(
            "happy1", "1happy", "hap py", "happy-sad", "happysad", "angrysad", "disgusting", "contemptible"
        ),
    ),
    Group(
        "negation and hedging are not answers",
        ADJECTIVES,
        off_list(
            "not angry, sad", "not happy", "not sad but happy", "no surprise", "neither happy nor sad",
            "happy or sad", "happy/sad",
        )
        + off_list(
            "happy, sad", "happy and surprised", "maybe happy", "probably sad", "very happy",
            "slightly angry", "!happy", "~ not sad",
        )
        + off_list(
            "happy (not sad)", "either fear or surprise", "fear|surprise", "happy; sad", "I cannot tell"
        ),
    ),
    Group(
        "synonyms that nobody listed are off the list",
        ADJECTIVES,
        off_list(
            "joy", "joyful", "sorrow", "mad", "furious", "terror", "calm", "blank", "shock", "scorn",
            "fright", "revulsion", "afraid",
        )
        + off_list(
            "smiling", "unknown", "none", "n/a", "null", "other", "emotion", "label", "1", "0", "5", "(B)",
            "B",
        ),
    ),
    Group(
        "sentences are not labels, even with one inside",
        ADJECTIVES,
        off_list(
            "The answer is happy", "Answer: happy", "Label: happy", "emotion: sad", "The person looks happy.",
            "happy face", "A. happy",
        )
        + off_list(
            "happy because of the smile", "I think it is a stranger who smiles with joy", "happy\nsad",
            "final answer happy", "is happy",
        )
        + off_list(
            "<b>happy</b>", "\\textcolor{red}{happy}", '{"label": "happy"}', "['happy', 'sad']",
            "happy</think>", "<think>x</think>happy",
        ),
    ),
    Group(
        "no tags, or half of them: nothing is guessed from the reasoning",
        ADJECTIVES,
        no_answer(
            "", " ", "\n", "happy", "Happy.", "The answer is happy.", "<think>no fear, happy</think>",
            "<think>no fear, the brow", "no fear…",
        )
        + no_answer(
            "<answer>happy", "happy</answer>", "<think>x</think><answer>happy",
            "<think>x</think>happy</answer>", "</answer>happy<answer>",
        )
        + no_answer(
            "<answer>happy<answer>", "<answer>happy</answer", "<answer>happy<\\/answer>",
            "answer>happy</answer>", "<answer happy</answer>",
        )
        + no_answer(
            "<ans>happy</ans>", "<answers>happy</answers>", "[answer]happy[/answer]",
            "&lt;answer&gt;happy&lt;/answer&gt;", "**Answer:** happy",
        )
        + no_answer(
            '<answer label="x">happy</answer>', "<answer/>happy", "＜answer＞happy＜/answer＞",
            "<anſwer>happy</anſwer>",
        ),
    ),
    Group(
        "an empty block is no answer",
        ADJECTIVES,
        no_answer(
            "<answer></answer>", "<answer> </answer>", "<answer>\n\n</answer>", "<answer>...</answer>",
            "<answer>\u200b</answer>",
        )
        + no_answer(
            "<answer>?!</answer>", "<think>happy</think><answer></answer>", "<answer>**</answer>",
            '<answer>""</answer>', "<answer>\\boxed{}</answer>",
        )
        + off_list("😊", "∅"),
    ),
    Group(
        "two answers are none, even where they agree",
        ADJECTIVES,
        no_answer(
            "<answer>happy</answer><answer>sad</answer>", "<answer>happy</answer>\n<answer>happy</answer>",
            "<answer>happy</answer></answer>",
        )
        + no_answer(
            "<answer><answer>happy</answer>", "<answer><answer>happy</answer></answer>",
            "<answer></answer><answer>happy</answer>",
        )
        + no_answer(
            "<think>so <answer>happy</answer>?</think><answer>sad</answer>",
            "<answer>happy</answer><Answer>sad</Answer>",
        )
        + no_answer(
            "<think>I will fill <answer> in.</think><answer>happy</answer>", "</answer><answer>happy</answer>"
        ),
    ),
    Group(
        "one block is an answer wherever it stands, however the tags are typed",
        ADJECTIVES,
        whole(
            "answered", "happy", "<answer>happy</answer>", "<Answer>happy</Answer>", "<ANSWER>happy</answer>",
            "< answer >happy</ answer >",
        )
        + whole(
            "answered", "happy", "<answer\n>happy</answer>", "<answer>\nhappy\n</answer>",
            "<answer>happy</answer> I hope this helps!",
        )
        + whole(
            "answered", "happy", "<think>never closed <answer>happy</answer>",
            "<think><answer>happy</answer></think>", "\0<answer>happy</answer>\0",
        )
        + whole(
            "answered", "sad", "<think>no surprise, not happy</think>\n<answer>sad</answer>\n",
            "<answer>sad</answer><think>late</think>",
        )
        + whole(
            "answered", "sad", "<think>a</think><think>b</think><answer>sad</answer>",
            "<answer>sad</answer><|im_end|>", "<<answer>sad</answer>>",
        ),
    ),
    Group(
        "Unicode: compatibility forms fold, lookalikes do not",
        ADJECTIVES,
        answered("happy", "ｈａｐｐｙ", "ｈａｐｐｙ！", "𝐡𝐚𝐩𝐩𝐲", "ⓗⓐⓟⓟⓨ")
        + off_list("hарру", "һappy", "hap\u200bpy", "ha\u0301ppy", "h\u00adappy", "ʎddɐɥ", "ħappy", "happу"),
    ),
    Group(
        "control characters, escapes and broken text are data",
        ADJECTIVES,
        off_list(
            "\x1b[1mhappy\x1b[0m", "\0happy\0", "hap\0py", "\x07sad", "\ud800", "happy\udfff", "\ud83d",
            "sad\x00", "\x1b]0;t\x07sad", "\u202ehappy",
        ),
    ),
    Group(
        "a megabyte costs one pass",
        ADJECTIVES,
        whole(
            "answered", "happy", "happy " * (MEGABYTE // 6) + "<answer>happy</answer>",
            "<answer>" + " " * MEGABYTE + "happy</answer>",
        )
        + whole(
            "off_list",
            None,
            "<answer>" + "happy" * (MEGABYTE // 5) + "</answer>",
            "<answer>" + "\\boxed{" * 150_000 + "</answer>",
        )
        + no_answer(
            "<answer>" * (MEGABYTE // 8),
            "<" + " " * MEGABYTE,
            "< " * (MEGABYTE // 2),
            "</" * (MEGABYTE // 2),
            "<answer>" + "*" * MEGABYTE,
        ),
    ),
)
# fmt: on

CASES = [(group.hazard, group.candidates, *case) for group in GROUPS for case in group.cases]
