"""Claimed AUs against those that somebody coded: what there is for real faces, which nobody can redraw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.scoring import grade_prediction
from unifer.evaluate.statistics.bootstrap import clusters_of
from unifer.evaluate.trust.sheets import TrustRate, share
from unifer.records import Prediction


def claim_rate(predictions: Sequence[Prediction], path: Path) -> tuple[TrustRate, str]:
    """`AU F1, real faces`, the mean F1 of claimed and coded AUs per annotated face, and a note on its faces.

    A face without a reply claims nothing. Intervals draw whole subjects where every row names one. Raises
    InputError where no row has AUs.
    """
    claims = [(row.question, Graded(row, grade_prediction(row)).claim) for row in predictions]
    coded = [(question, claim) for question, claim in claims if claim is not None]
    if not coded:
        raise InputError(
            f"{path}: none of its {len(predictions):,} rows has 'AUs', so no claim can be compared; ask "
            "questions whose rows hold the annotated AUs (`unifer data build bp4d`, `disfa`, ...)"
        )
    questions = [question for question, _ in coded]
    rate = share(
        "AU F1, real faces",
        [claim.f1 for _, claim in coded],
        f"annotated faces of {path.stem}",
        units=clusters_of(questions),
    )
    return rate, f"claims on real faces: {len(coded):,} of {len(predictions):,} rows of {path.name} have AUs"
