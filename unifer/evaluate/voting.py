"""Several sampled replies to one question -> the row that stands for them.

Used by inference and by the benchmark alike. Knows votes and rows; the rule of who wins is `dialogue/votes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unifer.dialogue.answers import Verdict, grade
from unifer.dialogue.votes import standing
from unifer.errors import InputError
from unifer.models.engines import Reply
from unifer.records import Prediction, Question
from unifer.reply_votes import ReplyVote

KEY = "votes"
"""In the identity of a run: how many replies each question gets; absent for one."""


def vote_key(key: str, vote: int) -> str:
    """The key of the request for vote `vote` (from 0) of question `key`: `a.png`, `a.png#2`, `a.png#3`."""
    return f"{key}#{vote + 1}" if vote else key


def check_votable(questions: Sequence[Question], votes: int, path: Path) -> None:
    """Raises InputError where `votes` are several and the questions of `path` cannot be voted on."""
    if votes == 1:
        return
    keys = {question.key for question in questions}
    for row, question in enumerate(questions, 1):
        if not question.candidate_labels:
            raise InputError(
                f"{path}, row {row}: asks for AUs alone, and votes are counted by label; leave --votes away"
            )
        if clash := next(
            (key for vote in range(1, votes) if (key := vote_key(question.key, vote)) in keys), ""
        ):
            raise InputError(
                f"{path}: has the questions {question.key!r} and {clash!r}, and the second is what a vote "
                "on the first is called; give one of them another 'id'"
            )


def prediction_of(question: Question, replies: Sequence[Reply], votes: int) -> Prediction:
    """The row of a question from its replies in order: as many as there are votes, or up to one that failed.

    Several: the first vote for the winner stands for the row, tokens are those of all. A vote that failed
    makes the row a failure, so that every row of a run has as many votes as were asked for.
    """
    for number, reply in enumerate(replies, 1):
        if reply.error is not None:
            which = f"vote {number} of {votes}: " if votes > 1 else ""
            return Prediction(question, "", error=which + reply.error)
    if votes == 1:
        reply = replies[0]
        return Prediction(
            question, reply.text, None, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens
        )
    ballots = tuple(_vote(reply, grade(reply.text, question.candidate_labels)) for reply in replies)
    reply = replies[standing([vote.label for vote in ballots])]
    counts = [each.completion_tokens for each in replies if each.completion_tokens is not None]
    tokens = sum(counts) if counts else None
    return Prediction(question, reply.text, None, reply.finish_reason, reply.prompt_tokens, tokens, ballots)


def _vote(reply: Reply, verdict: Verdict) -> ReplyVote:
    units = tuple(sorted(verdict.action_units))
    return ReplyVote(
        reply.text, verdict.label, verdict.outcome, units, reply.finish_reason, reply.completion_tokens
    )
