"""Phrases that spoil reasoning as a lesson: those that betray a hint, and those that hedge between labels.

`betrayal("Since the label is fear, ...")` -> `"since the label is"`. Reasoning that a student learns from
must rest on the face: a student never sees a label or an annotation. The rules, in words (`docs/curation.md`
has the table, `tests/prepare/curation/sentences.py` the sentences):
- Annotations, ground truth and a gold or true label are no part of a question: speaking of them betrays.
- So does a label, answer or emotion called given, provided, known or correct; `the given labels` and `the
  given expressions` are the list that the question shows, and pass, and so does `the given expression of the
  brows`.
- So do Action Units called given or provided; `Given AU12` and `given the AUs I see` reason from them, and
  pass.
- So does what a prompt, user, hint or dataset says, and what the writer was told; `a hint of a smile` passes.
- A denial in the same clause lifts it: `no label was given`, `I was not told the answer`.

`hedging("It is a mix of fear and surprise.", "fear", labels)` -> `"fear and surprise"`: the reasoning settles
on several labels (`dialogue/label_mentions` finds them). Naming the known label is no alternative to itself.
- Shown at once is a hedge wherever it stands: `a mix of fear and surprise`, `suggests fear and surprise`.
- An open choice is one unless what follows settles it on one label: `either fear or surprise`, `could also be
  surprise`, `between fear and surprise`, `fear/surprise`. `It could be surprise, but AU20 points to fear` has
  decided, and passes.
- Contrast is none: `rather than fear or anger`, `no sign of fear or disgust`, `fear or surprise would show
  AU5`.
- Four labels or more in a row are the list that the question shows, or an enumeration, and none either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from unifer.dialogue.label_mentions import LabelSequence, clauses, contrasted, settled, vocabulary_of

_GIVEN = r"(?:given|provided|supplied|stated|specified|assigned|known|annotated|predetermined|pre-?assigned)"
_LABEL = r"(?:label|answer|annotation|classification|category|ground[- ]truth|solution|tag)"
_EMOTION = r"(?:emotion|expression)"
_UNITS = r"(?:aus?|action units?|facs codes?)"
_SOURCE = (
    r"(?:prompt|user|hint|instructions?|guidance|metadata|caption|file ?name|data ?set"
    r"|annotations?|annotators?|label|task|question)"
)
_SAYS = (
    r"(?:says?|said|states?|stated|tells?|told|specif(?:y|ies|ied)|indicates?|indicated"
    r"|mentions?|mentioned|gives?|gave|provides?|provided|"
    r"notes?|noted|confirms?|confirmed|claims?|labels?|label+ed|suggests?)"
)
_PARTS = r"(?: (?:of|in|on|around|by) (?:the|her|his|their|this|these) )"

_PHRASES = (
    # --- what no question holds
    r"annotat(?:ions?|ors?|ed)",
    r"ground[- ]?truths?",
    r"(?:gold(?:en)?|true|actual|real|reference|dataset|target|official|underlying) (?:label|annotation"
    r"|answer|class)",
    # --- a label that is there already
    rf"{_GIVEN} (?:{_EMOTION} )?{_LABEL}(?!s)",
    rf"(?:the|this|that|your) (?:{_GIVEN}|target|labell?ed) {_EMOTION}(?! ?s\b)(?!{_PARTS})",
    rf"(?:the|this|that|your) {_LABEL} (?:(?:that )?(?:is|was|has been|already) )?{_GIVEN}",
    rf"(?:the|this|that) {_EMOTION} (?:(?:that )?(?:is|was|has been) )(?:already )?"
    r"(?:known(?: to be| as)?|provided|specified|stated|given as)(?! away| by| off| through)",
    rf"(?:the|this|that) {_EMOTION} (?:given|provided|specified|stated) (?:is|was|as)",
    r"(?:since|because|as|given that|knowing(?: that)?|considering that|if) (?:the|this|that|its|his|her) "
    rf"(?:{_LABEL}|correct {_EMOTION}) (?:is|was|says)",
    rf"knowing (?:that )?(?:the|this) (?:{_LABEL}|{_EMOTION}|face|person)(?! (?:muscle|anatomy))",
    rf"(?:consistent|in line|in agreement|agrees?|aligns?|in accordance) with the {_LABEL}(?!s)",
    rf"(?:confirm|justif|validat|corroborat|explain|align)\w* (?:with )?(?:why )?the (?:{_GIVEN}"
    rf" )?{_LABEL}(?!s)",
    rf"(?:the|an?) (?:right|expected|intended|desired|required|predefined) {_LABEL}",
    rf"(?:the )?correct (?:{_LABEL}|{_EMOTION}|option|choice) (?:is|was|being|must|should|has|would)",
    r"(?<!find )(?<!choose )(?<!pick )(?<!select )(?<!reach )(?<!identify )(?<!determine )the correct"
    rf" {_LABEL}(?!s)",
    r"(?:is|was|are|were|has been|have been) (?:already |here )?label+ed",
    r"label+ed (?:as )?(?:by|in) the",
    # --- Action Units that are there already
    rf"(?:the|these|those|all|with|your|its|any) (?:{_GIVEN}|annotated|coded) {_UNITS}(?! ?\d)",
    rf"(?:provided|supplied|annotated|specified) {_UNITS}",
    rf"{_UNITS} (?:(?:that )?(?:are|were|have been) )?(?:given|provided|supplied|specified"
    r"|annotated)(?! (?:above|off|by the|through))",
    # --- somebody said so
    rf"(?:according to|based on|per|following|going by|relying on) (?:the|this|your|my) (?:{_GIVEN}"
    rf" )?(?:{_SOURCE}|{_LABEL})(?!s? of )",
    r"(?:provided|supplied|given) (?:information|hint|guidance|metadata|description|context)",
    r"(?:by|in|from) the (?:prompt|hint|guidance|metadata|user|file ?name)",
    rf"(?:the|this|your) {_SOURCE} (?:already |clearly |explicitly )?{_SAYS}",
    r"you (?:have |already |'?ve )*(?:said|told|mentioned|provided|gave|given|stated|specified"
    r"|indicated|label+ed|asked me to)",
    r"(?:i|we)(?: was| were|'m| am| are| have been|'ve been|'re) (?:already |just )?(?:told|given"
    r"|informed|instructed|provided)",
    rf"(?:i|we) (?:already )?know (?:that )?(?:it is|it's|(?:the|this) (?:{_LABEL}|{_EMOTION}|face"
    r"|person|image))",
    r"as (?:(?:was|were|is|has been) )?(?:already )?(?:told|instructed|requested|provided|specified"
    r"|supplied|label+ed)",
    r"as (?:(?:was|were|is|has been) )?(?:already )?(?:stated|given|mentioned)(?! (?:above|earlier"
    r"|before|previously|by|already))",
    r"as you (?:say|said|state|mention|note|know)",
    # --- a task that only a teacher has
    r"(?:i|we) (?:must|need to|should|have to|am to|will|can) (?:now )?(?:justify|explain why|defend"
    r"|argue (?:for|that)|support)",
    r"(?:asked|told|instructed|required|supposed) to (?:justify|explain why|defend|argue|pretend"
    r"|conclude|act)",
    r"as if i (?:only |had |did |do |were )",
    r"(?:without|not) (?:revealing|mentioning|disclosing) (?:that|the)",
)
_BETRAYS = re.compile(r"(?<![\w-])(?:" + "|".join(f"(?:{phrase})" for phrase in _PHRASES) + r")(?![\w-])")
_CLAUSE = re.compile(r"[.,;:!?\n]|\bbut\b|\bhowever\b")
_NO_DENIAL = re.compile(
    r"\bno (?:doubt|wonder|question)\b|\bnot (?:only|just|merely|surprisingly)\b|\bwithout (?:a |any"
    r" )?doubt\b"
)
_DENIAL = re.compile(
    r"\b(?:no|not|never|nobody|without|neither|nor|lacks?|lacking|instead of|rather than|regardless of"
    r"|independent(?:ly)? of)\b|n't\b"
)
_DENIED_AFTER = re.compile(r" (?:is|was|are|were|has been|been )*(?: ?(?:not|never)\b|n't\b)")
_WORDS_BEFORE = 6


def betrayal(reasoning: str) -> str | None:
    """The first phrase of `reasoning`, in lower case, that betrays its writer was told the answer.

    None where none does.
    """
    text = " ".join(reasoning.lower().replace("\u2019", "'").replace("*", "").split(" "))
    for match in _BETRAYS.finditer(text):
        if not _denied(text, match):
            return match[0].strip()
    return None


def _denied(text: str, match: re.Match[str]) -> bool:
    """Whether a denial shortly before the phrase, in the same clause, or right after it takes it back."""
    clause = _CLAUSE.split(text[max(0, match.start() - 80) : match.start()])[-1]
    near = " ".join(_NO_DENIAL.sub("", clause).split()[-_WORDS_BEFORE:])
    return bool(_DENIAL.search(near) or _DENIED_AFTER.match(text, match.end()))


_LIST_FROM = 4

_MIX = re.compile(
    r"(?:(?:mix(?:ture|ed)?|blend(?:s|ed|ing)?|combination|combines?|combining|fusion|coexist\w*"
    r"|simultaneous\w*)(?: (?:of|between))?"
    r"|(?:suggest|indicat|show|express|convey|reflect|display|communicat|signal|reveal|point)\w*(?: to|"
    r" towards?)?)"
    r"(?: both)?(?: feelings of)? $"
)
_ALSO_SHOWN = re.compile(
    r" (?:are|is) (?:both )?(?:present|visible|shown|expressed|displayed|possible|plausible|likely"
    r"|apparent)\b(?! in\b)"
)
_BETWEEN = re.compile(r"\b(?:between|either|whether)(?: \w+){0,2} $")
_OPEN = re.compile(
    r"\b(?:(?:could|may|might|can) (?:also |equally |instead |possibly |perhaps |even |well |alternatively )*"
    r"(?:be|suggest|indicate|mean|reflect|signal|point to)"
    r"|(?:possibly|perhaps|maybe|potentially|alternatively)|also"
    r" (?:suggests?|indicates?|shows?|points? to|resembles?|fits?)"
    r"|(?:is|seems?|looks?) also|(?:hints?|touch|traces?|tinges?|elements?|undertones?|shades?) of"
    r"|tinged with)"
    r"(?: (?:a|an|the|some|of|read as|seen as|interpreted as|slight|mild|subtle))* $"
)


def hedging(
    reasoning: str,
    known: str,
    candidates: Sequence[str],
    aliases: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> str | None:
    """The first words of `reasoning`, in lower case, in which it leaves several of `candidates` standing.

    None where none do.
    """
    vocabulary = vocabulary_of(candidates, aliases)
    open_choice: str | None = None
    for clause in clauses(reasoning):
        runs = vocabulary.runs(clause)
        if any(_shown_at_once(clause, run) for run in runs):
            return next(run.text for run in runs if _shown_at_once(clause, run))
        left = next((run.text for run in runs if _left_open(clause, run, known)), None)
        if left is not None:
            open_choice = left
        elif open_choice is not None and settled(clause, runs):
            open_choice = None
    return open_choice


def _several(run: LabelSequence) -> bool:
    return 1 < len(run.labels) < _LIST_FROM


def _shown_at_once(clause: str, run: LabelSequence) -> bool:
    """`a mix of fear and surprise`, `fear and surprise are both visible`."""
    if not _several(run) or " or " in run.text or "/" in run.text or contrasted(clause, run):
        return False
    return bool(_MIX.search(clause[: run.start]) or _ALSO_SHOWN.match(clause, run.end))


def _left_open(clause: str, run: LabelSequence, known: str) -> bool:
    """`either fear or surprise`, `fear/surprise`, `could also be surprise` where fear is known."""
    if contrasted(clause, run):
        return False
    before = clause[: run.start]
    if _several(run):
        return " or " in run.text or "/" in run.text or bool(_BETWEEN.search(before))
    return run.labels != (known,) and len(run.labels) == 1 and bool(_OPEN.search(before))
