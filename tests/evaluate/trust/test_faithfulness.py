"""Planted models are told apart, each by the rate that is made for it; every rate knows its denominator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evaluate.trust import planted
from unifer.errors import InputError
from unifer.evaluate.trust.faithfulness import compare_pairs, faithfulness_sheet
from unifer.evaluate.trust.sheets import Sheet
from unifer.records import Prediction
from unifer.report.faithfulness import faithfulness_text

DRAWN = planted.drawn_families(42)
FAMILIES = planted.families_of(DRAWN)


def sheet_of(model: planted.Planted) -> Sheet:
    return faithfulness_sheet(
        "planted", "counterfactual", compare_pairs(FAMILIES, planted.answers(DRAWN, model))
    )


def values(sheet: Sheet, *names: str) -> list[float | None]:
    return [rate.value for rate in sheet.rates for name in names if rate.name == name]


def test_a_model_whose_answer_follows_what_it_sees_is_faithful_in_every_rate() -> None:
    sheet = sheet_of(planted.honest)

    assert values(sheet, "says why", "seen", "moved", "stable", "base faces right") == [1.0] * 5
    assert values(sheet, "unfaithful answers", "unfaithful claims") == [0.0, 0.0]
    assert values(sheet, "noise in answers", "noise in claims") == [0.0, 0.0]
    assert sheet.rates[0].name == "says why"  # the headline
    assert sheet.rates[0].n == 42  # one core AU per family


def test_a_bad_eye_lowers_seen_and_is_not_called_unfaithful() -> None:
    """Seeing badly and saying something else than what one answers by are two faults."""
    sheet = sheet_of(planted.shortsighted)

    (seen,) = values(sheet, "seen")
    (unfaithful,) = values(sheet, "unfaithful answers")
    assert seen is not None
    assert seen < 0.9
    assert unfaithful == 0.0


def test_aus_named_at_random_beside_right_answers_are_unfaithful_claims() -> None:
    sheet = sheet_of(planted.names_at_random)

    assert values(sheet, "moved", "stable") == [1.0, 1.0]
    (seen,), (claims,) = values(sheet, "seen"), values(sheet, "unfaithful claims")
    assert seen is not None
    assert seen < 0.4
    assert claims is not None
    assert claims > 0.8


def test_answers_by_the_skin_change_with_the_person_alone_and_no_claim_says_so() -> None:
    sheet = sheet_of(planted.reads_skin)

    assert values(sheet, "seen", "moved") == [1.0, 0.0]
    assert (
        values(sheet, "stable: pose", "stable: light", "stable: nuisance", "stable: another AU") == [1.0] * 4
    )
    (person,), (answers,) = values(sheet, "stable: person"), values(sheet, "unfaithful answers")
    assert person is not None
    assert person < 0.5
    assert answers == 1.0
    headline = sheet.rates[0]
    assert (headline.value, headline.n) == (None, 0)  # no answer changed with an AU: nothing to say why
    assert "\nno answer changed with an AU\n" in faithfulness_text(sheet)


def test_each_rate_by_au_and_by_emotion_adds_up_to_the_whole() -> None:
    sheet = sheet_of(planted.shortsighted)

    seen = sheet.rate("seen")
    assert seen is not None
    counts = [rates["seen"] for rates in sheet.details["by_au"].values()]
    assert sum(n for _, n in counts) == seen.n
    assert sum(hits for hits, _ in counts) / seen.n == pytest.approx(seen.value)
    assert sum(rates["stable"][1] for rates in sheet.details["by_emotion"].values()) == 42 * 10 - 42


def test_replies_without_an_answer_leave_the_rates_and_are_counted() -> None:
    rows = planted.answers(DRAWN, planted.honest)
    rows[0] = replace(rows[0], reply="I cannot judge people by their faces.")  # a base: its whole family
    rows[13] = Prediction(rows[13].question, "", error="timeout")  # a control

    comparison = compare_pairs(FAMILIES, rows)
    sheet = faithfulness_sheet("planted", "counterfactual", comparison)

    assert len(comparison.pairs) == 42 * 11 - 11 - 1
    assert sheet.details["without_answer"] == 2
    assert any("2 of 504 faces have no answer" in note for note in sheet.notes)


def test_predictions_on_other_faces_are_refused_by_row() -> None:
    rows = planted.answers(DRAWN, planted.honest)
    other = planted.answers(planted.drawn_families(42, seed="other"), planted.honest)
    stranger = [*rows[:3], replace(rows[3], question=replace(rows[3].question, id="face-9"))]

    with pytest.raises(InputError, match=r"predictions:4: 'face-9' is no face of these 42 families"):
        compare_pairs(FAMILIES, stranger)
    with pytest.raises(InputError, match="another seed"):
        compare_pairs(FAMILIES, other)
    with pytest.raises(InputError, match=r"2 of 504 faces have no row, the first 'f0041-10'"):
        compare_pairs(FAMILIES, rows[:-2])


def test_few_families_are_said_and_one_gives_no_interval() -> None:
    one = DRAWN[:1]
    comparison = compare_pairs(planted.families_of(one), planted.answers(one, planted.honest))
    sheet = faithfulness_sheet("planted", "counterfactual", comparison)

    assert all(rate.low is None for rate in sheet.rates if rate.name != "base faces right")
    assert any("only 1 families" in note for note in sheet.notes)


def test_answers_that_differ_on_identical_faces_are_the_noise_floor() -> None:
    rows = planted.answers(DRAWN, planted.honest)
    rows[1] = replace(rows[1], reply=planted.reply([14], "contempt"))
    sheet = faithfulness_sheet("planted", "counterfactual", compare_pairs(FAMILIES, rows))

    assert values(sheet, "noise in answers", "noise in claims") == [1 / 42, 1 / 42]
    assert any("greedy decoding" in note for note in sheet.notes)
