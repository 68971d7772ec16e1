"""The interval of a share against values of others."""

from __future__ import annotations

import pytest

from unifer.proportions import wilson


def test_wilson_against_its_known_values() -> None:
    # Wilson's interval as R's prop.test(correct = FALSE) gives it.
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


def test_wilson_agrees_with_scipy() -> None:
    from scipy.stats import binomtest

    for right, asked in ((0, 10), (7, 10), (10, 10), (674, 1000)):
        expected = binomtest(right, asked).proportion_ci(method="wilson")
        assert wilson(right, asked) == pytest.approx((expected.low, expected.high), abs=1e-6)
