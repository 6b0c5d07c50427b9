"""However many policies say whatever in whatever order: the strictest counts and no reason is lost."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from catsync_core import Decision, Verdict
from catsync_core.client.policies import join_verdicts

STRICTNESS = [Decision.ALLOW, Decision.WAIT, Decision.ASK, Decision.DENY]
ends = st.none() | st.floats(0, 1e10)
verdicts = st.lists(st.builds(Verdict, st.sampled_from(Decision), st.text("abc", min_size=1), ends), max_size=6)


@given(verdicts)
def test_the_strictest_counts(said: list[Verdict]) -> None:
    strictest = max((STRICTNESS.index(verdict.decision) for verdict in said), default=0)
    assert join_verdicts(said).decision is STRICTNESS[strictest]


@given(verdicts, st.randoms(use_true_random=False))
def test_the_order_makes_no_difference(said: list[Verdict], random: Random) -> None:
    joined = join_verdicts(said)
    random.shuffle(said)
    again = join_verdicts(said)
    assert (again.decision, again.until) == (joined.decision, joined.until)
    assert set(again.reason.split(". ")) == set(joined.reason.split(". "))


@given(verdicts)
def test_exactly_the_reasons_against_it_are_told(said: list[Verdict]) -> None:
    against = {verdict.reason for verdict in said if verdict.decision is not Decision.ALLOW}
    assert set(filter(None, join_verdicts(said).reason.split(". "))) == against


@given(verdicts)
def test_it_holds_until_the_last_of_the_strictest_ends(said: list[Verdict]) -> None:
    joined = join_verdicts(said)
    ends = [verdict.until for verdict in said if verdict.decision is joined.decision and verdict.until is not None]
    if joined.decision is Decision.ALLOW:
        assert joined == Verdict(Decision.ALLOW)
    else:
        assert joined.until == max(ends, default=None)
