"""Which Action Units a text claims to see: `mentioned("AU6+12, but no AU4")` -> `{6, 12}`.

Knows how AUs are written and denied in English; not which of them a face really shows. Every pattern runs in
time linear in the text.

The rules, in words:
- An AU is `AU12`, `AU 12`, `au-12`, `Action Unit 12`, with a side or an intensity (`AU12R`, `AUL12`,
  `AU12C`), or a further number of a list (`AUs 1, 2 and 5`, `AU6+12`). `L12` and `R12` alone count in upper
  case. Numbers that FACS does not have are dropped.
- A denial before a mention (`no`, `without`, `lacks`, `absence of`, ...) reaches over its list (`no AU4 or
  AU5`) and ends with the clause (`but`, `with`, a full stop, ...). A denial after it (`is absent`, `isn't
  visible`, `: 0`) reaches back over its list.
- Two denials cancel (`not absent`). `Not only` denies nothing. `Not strong` says that the AU is weak, so it
  is there.
- Where a text affirms and denies the same AU, its last word counts: reasoning corrects itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from unifer.action_units import ACTION_UNITS, FACS_NUMBERS

_WORTH_READING = re.compile(r"[aA][uU]|[uU][nN][iI][tT]|[LR]\d")
SIDE_ALONE = re.compile(r"(?<![^\s(,+/&])[LR](\d{1,2})(?=[A-E]?(?:[\s,.;:)+/&]|$))")

# All patterns below read lower-case text with single blanks: the form that `_plain` makes.

# --- where AUs stand
# -----------------------------------------------------------------------------------------------------------
_HEAD = re.compile(r"a(?:u|ction unit)(?P<many>s)?[ _\-#:]{0,2}(?=[lr]?\d)")
_ITEM = re.compile(r"[lr]?(\d{1,2})(?:_?[a-elrt]){0,2}(?![a-z0-9%])")
_PAREN = r"(?: ?\([^()\n]{0,80}\))?"
_NEXT = re.compile(_PAREN + r" ?(?:(?P<tight>[+/&])|,(?: (?:and|or|nor)\b)?|(?:and|or|nor)\b) ?(?=[lr]?\d)")
# After `AU6 and 2` a noun may follow ("2 wrinkles"): then the 2 is no AU. These may follow an AU.
_LIST_GOES_ON = re.compile(
    r" ?(?:$|[^\w ]|(?:and|or|nor|but|is|are|was|were|do|does|can|with|which|that|in|on|at|as|not|both|"
    r"all|together|"
    r"visible|active|present|absent|engaged|(?:suggest|indicat|show|appear|seem|point|combin|reveal|"
    r"confirm|activat)\w*)\b)",
)


class Mention(NamedTuple):
    """An AU that a text names, with name and brackets: `start` to before `end` in the form of `readable`."""

    number: int
    start: int
    end: int


def _mentions(text: str) -> Iterator[Mention]:
    at = 0
    for head in _HEAD.finditer(text):
        item = _ITEM.match(text, head.end())
        if item is None or head.start() < at or text[max(0, head.start() - 1) : head.start()].isalnum():
            continue
        yield _widened(text, int(item[1]), head.start(), item.end())
        at = item.end()
        while (joint := _NEXT.match(text, at)) and (item := _ITEM.match(text, joint.end())):
            if not (head["many"] or joint["tight"] or _LIST_GOES_ON.match(text, item.end())):
                break
            yield _widened(text, int(item[1]), item.start(), item.end())
            at = item.end()


def _widened(text: str, number: int, start: int, end: int) -> Mention:
    """The mention with the AU's name before it and the brackets around it: all of `lid tightener (AU7)`."""
    if text[end : end + 1] == ")":
        end += 1
    if text[start - 1 : start] == "(":
        start -= 1
    unit = ACTION_UNITS.get(number)
    before = text[max(0, start - 40) : start].rstrip(" ")
    if unit is not None and before.endswith(unit.name):
        start = max(0, start - 40) + len(before) - len(unit.name)
    return Mention(number, start, end)


# --- what is said of them
# -----------------------------------------------------------------------------------------------------------
_AFFIRMS = re.compile(
    r"\b(?:not (?:only|just|merely|simply|solely)|"
    r"no (?:doubt|question|less|wonder)|without (?:a |any )?doubt|not to mention|not the only)\b"
)
_DENIES = re.compile(
    r"\b(?:no|not|never|neither|nor|without|lack(?:s|ed|ing)?|absence|absent|missing|inactive|(?:free|"
    r"devoid) of|rather than|instead of|"
    r"fail(?:s|ed)? to|rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing))\b",
)
_CLAUSE_ENDS = re.compile(
    r"[.!?;](?= |$)|\n|"
    r"(?<!absent)(?<!missing)(?<!inactive)(?<!lacking)(?<!present)(?<!visible)(?<!active)(?<!detected)"
    r"(?<!observed):"
    r"|\b(?:but|however|although|though|while|whereas|yet|because|since|given|so|due|which|when|if|with|"
    r"despite|therefore|thus|hence|then|"
    r"except|besides|beyond|other than|apart from|indicating|suggesting|(?<!such )as)\b",
)
_PARTS = re.compile(r",|\band\b")
_OR = re.compile(r"\bor\b")
_ASIDE = r"(?: ?\((?P<aside>[^()\n]{0,80})\))?"
_LIST = re.compile(
    _ASIDE
    + r" ?(?P<joint>[+/&]|,(?: (?:and|or|nor|&)\b)?|(?:and|or|nor)\b) ?(?:(?:the|a|an|any|also|even|both) )?"
)
_NEW_CLAUSE = re.compile(
    _PAREN + r" (?:clearly |strongly |alone )?"
    r"(?P<verb>is|are|was|were|appears?|seems?|remains?|(?P<other>shows?|suggests?|indicates?|reveals?|"
    r"confirms?|dominates?|stands|points?))\b",
)
_PREDICATE = re.compile(
    _ASIDE + r"(?: (?:activity|activation|movement|action|contraction|intensity|itself|here))*+ "
    r"?(?P<mark>[:=\u2013\u2014-])? ?"
    r"(?:(?:is|are|was|were|be|been|being|has|have|had|do|does|did|ca|can|could|may|might|wo|will|seems?|"
    r"appears?|remains?|looks?|to|also|"
    r"clearly|really|actually|likely|probably|completely|entirely|largely|mostly|totally|both|all|each|"
    r"fully|notably|visibly)\b ?)*+"
    r"(?P<not>(?:not|never|no longer|fail(?:s|ed)? to)\b ?)?"
    r"(?:(?:be|been|being|seem|appear|look|to|at all|clearly|really|actually|visibly|very|even|yet)\b ?)*+"
    r"(?:(?P<absent>absent|missing|inactive|lacking|undetected|unseen|invisible|nonexistent|none\b|"
    r"no\b(?! longer)|0(?:\.0+)?(?![\w.]))"
    r"|(?P<present>present|active|activated|visible|seen|detected|observed|evident|engaged|involved|"
    r"apparent|noticeable|noticed|shown|there|"
    r"raised|contracted|found|identified|noted|displayed|exhibited|triggered|occur|show|contribute|"
    r"activate|fire)\b"
    r"|(?P<end>$|[.,;!?)\n]|(?:and|but|while|whereas|or)\b))?",
)
_ASIDE_DENIES = re.compile(r" ?(?:not\b|no\b|none\b|absent|inactive|missing|invisible|0(?:\.0+)?$)")


def mentioned(text: str) -> frozenset[int]:
    """FACS numbers of the AUs that `text` affirms, by the rules at the head of this module.

    Any text will do, of any length.
    """
    return frozenset(number for number, active in affirmations(text).items() if active)


_NONE = re.compile(r"(?:none|no (?:active |visible )?(?:aus?|action units?)(?: (?:is|are) active)?|null)")
_NUMBERS = re.compile(r"\d{1,2}(?:(?: ?[,;+] ?(?:and )?| and | )\d{1,2})*")


def listed(answer: str) -> frozenset[int] | None:
    """The AUs that an answer lists: codes, numbers alone (`6, 12`), or `none`; None if it lists none so."""
    plain = _plain(unicodedata.normalize("NFKC", answer)).strip(" .")
    if _NONE.fullmatch(plain):
        return frozenset()
    if _NUMBERS.fullmatch(plain):
        return frozenset(map(int, re.findall(r"\d+", plain))) & FACS_NUMBERS or None
    return mentioned(answer) or None


def affirmations(text: str) -> dict[int, bool]:
    """FACS number -> whether `text` affirms (True) or denies (False) that AU, for each that it speaks of."""
    return {mention.number: active for mention, active in statements(readable(text))}


def readable(text: str) -> str:
    """`text` as the patterns here read it: one case, plain blanks; empty where no AU can stand in it."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return _plain(text) if _WORTH_READING.search(text) else ""


def statements(plain: str) -> Iterator[tuple[Mention, bool]]:
    """Each mention of a FACS number in a `readable` text, in order, and whether it is affirmed there."""
    for group, denied in _groups(plain, list(_mentions(plain))):
        active = not denied and not _denied_after(plain, group[-1].end)
        yield from ((mention, active) for mention in group if mention.number in FACS_NUMBERS)


def _plain(text: str) -> str:
    """Lower case, no emphasis marks, blanks collapsed per line, contractions spelled out, `L12` as `au12`."""
    text = SIDE_ALONE.sub(named_side, text)
    lines = text.lower().replace("*", "").replace("`", "").split("\n")
    joined = "\n".join(filter(None, (" ".join(line.split()) for line in lines)))
    return joined.replace("n't", " not").replace("cannot", "can not")


def named_side(side: re.Match[str]) -> str:
    """`L12` -> `au12`; a number that is no AU of ours stays as it is."""
    return f"au{side[1]}" if int(side[1]) in ACTION_UNITS else side[0]


def _groups(text: str, mentions: list[Mention]) -> Iterator[tuple[list[Mention], bool]]:
    """Mentions that share one statement (`AU1, AU2 and AU5`), and whether a denial before covers them."""
    group: list[Mention] = []
    denial: str | None = None
    for before, mention in zip([None, *mentions], mentions, strict=False):
        gap = text[before.end if before else 0 : mention.start]
        joint = _LIST.fullmatch(gap) if before else None
        if joint is not None and _ASIDE_DENIES.match(joint["aside"] or ""):
            joint = None
        if (
            joint is not None
            and "nor" not in joint["joint"]
            and not (denial and _starts_clause(text, mention, joint, denial))
        ):
            group.append(mention)
            continue
        if group:
            yield group, denial is not None
        denial = _denial(gap, denial if joint is None else None)
        group = [mention]
    if group:
        yield group, denial is not None


def _starts_clause(text: str, mention: Mention, joint: re.Match[str], denial: str) -> bool:
    """Whether the second AU starts a clause of its own.

    It does in `no AU4, AU12 is strong`, and does not in `no AU4 or AU5 is visible`.
    """
    verb = _NEW_CLAUSE.match(text, mention.end)
    if verb is None:
        return False
    if joint["joint"] == ",":
        return True
    return joint["joint"] == "and" and denial in ("no", "not", "never") and verb["other"] is None


def _denial(gap: str, goes_on: str | None) -> str | None:
    """The denial that governs what follows `gap`: one in the last dozen words of its last clause.

    Two cancel. `goes_on`, the denial before the gap, holds on where the gap only says `or` within the clause:
    `no AU4 activity or lifted AU5`.
    """
    if goes_on is None and not _DENIES.search(gap):
        return None
    clauses = _CLAUSE_ENDS.split(_AFFIRMS.sub("", gap))
    parts = _PARTS.split(clauses[-1])
    if goes_on and len(clauses) == len(parts) == 1 and _OR.search(gap):
        return goes_on
    words = _DENIES.findall(" ".join(parts[-1][-200:].split(" ")[-13:]))
    return words[-1] if len(words) % 2 else None


def _denied_after(text: str, end: int) -> bool:
    denials = _PREDICATE.match(text, end)
    if denials is None:
        return False
    if denials["aside"] is not None and _ASIDE_DENIES.match(denials["aside"]):
        return True
    if denials["absent"]:
        # `AU4 no AU5`: there the "no" belongs to what follows.
        return not denials["not"] and (denials["absent"] != "no" or denials["mark"] is not None)
    return bool(denials["not"]) and (denials["present"] is not None or denials["end"] is not None)
