"""Quality control: rates and counts, whose sums must come out, and rejects with their reasons."""

from __future__ import annotations

from tests.prepare.synthesis.known import FILTER, face, reply
from unifer.prepare.synthesis.quality import judge_replies, never_passed
from unifer.records import Json


def test_every_reply_is_counted_once_and_rejects_keep_their_reasons() -> None:
    smile, frown = face("smile"), face("frown", "sadness", (1, 4))
    replies = [
        reply(smile, 1),
        reply(smile, 0, answer="fear"),
        reply(smile, 2, error="the image is missing"),
        reply(frown, 0, units="AU1 and AU4", answer="sadness"),
        reply(frown, 1, units="AU6 and AU12", answer="sadness"),
    ]
    rejects: list[Json] = []
    found = judge_replies({"smile": smile, "frown": frown}, replies, FILTER, rejects.append)
    blind = found.blind
    assert (blind.questions, blind.failed, blind.rejected, blind.passed) == (5, 1, 2, 2)
    assert blind.questions == blind.failed + blind.rejected + blind.passed
    assert blind.reasons == {"wrong_label": 1, "aus_disagree": 1}
    assert blind.to_json()["classes"] == {
        "happiness": {"asked": 3, "passed": 1},
        "sadness": {"asked": 2, "passed": 1},
    }
    assert [candidate.key for candidate in found.candidates] == ["frown#0", "smile#1"]
    assert {row["id"]: row["reasons"] for row in rejects} == {
        "smile#0": ["wrong_label"],
        "smile#2": ["failed"],
        "frown#1": ["aus_disagree"],
    }


def test_a_rate_counts_right_answers_of_those_that_came() -> None:
    """A wrong AU is no wrong label, and a failed request says nothing of how hard a face is."""
    smile = face("smile")
    replies = [
        reply(smile, 0),
        reply(smile, 1, units="AU4"),
        reply(smile, 2, answer="fear"),
        reply(smile, 3, error="timeout"),
    ]
    found = judge_replies({"smile": smile}, replies, FILTER, lambda row: None)
    rate = found.rates["smile"]
    assert (str(rate), rate.passed) == ("2/3", 1)


def test_guided_replies_count_apart_and_leave_rates_alone() -> None:
    smile = face("smile")
    replies = [
        reply(smile, 0, answer="fear"),
        reply(smile, "guided-0"),
        reply(smile, "guided-1", answer="fear"),
    ]
    found = judge_replies({"smile": smile}, replies, FILTER, lambda row: None)
    assert (found.blind.questions, found.blind.passed) == (1, 0)
    assert (found.guided.questions, found.guided.passed) == (2, 1)
    assert str(found.rates["smile"]) == "0/1"
    assert [candidate.guided for candidate in found.candidates] == [True]


def test_guidance_goes_to_faces_none_of_whose_replies_passed() -> None:
    faces = {key: face(key) for key in ("passed", "wrong", "failed", "unasked")}
    replies = [
        reply(faces["passed"], 0),
        reply(faces["passed"], 1, answer="fear"),
        reply(faces["wrong"], 0, answer="fear"),
    ]
    replies.append(reply(faces["failed"], 0, error="timeout"))
    found = judge_replies(faces, replies, FILTER, lambda row: None)
    assert [each.key for each in never_passed(faces.values(), found.rates)] == ["wrong", "failed"]


def test_units_of_unannotated_faces_are_those_the_reasoning_claims() -> None:
    plain = face("plain", units=None)
    found = judge_replies(
        {"plain": plain}, [reply(plain, 0, units="AU6 and AU12 but no AU4")], FILTER, lambda row: None
    )
    assert found.candidates[0].action_units == {6, 12}
