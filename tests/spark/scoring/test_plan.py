from decimal import Decimal

import pytest

from lstm_fcn.spark.scoring.manifest import PartitionState
from lstm_fcn.spark.scoring.plan import PartitionContent, Plan, make_plan, state_after

A, B, C, D = ("a",), ("b",), ("c",), ("d",)


def content(fingerprint: str | None = "f", rows: int = 1) -> PartitionContent:
    return PartitionContent(rows, Decimal(0), fingerprint)


def state(*keys: tuple[str], fingerprint: str | None = "f", recipe: str = "r", rows: int = 1) -> dict:
    return {key: PartitionState(key=key, rows=rows, run_id="x", fingerprint=fingerprint, recipe=recipe) for key in keys}


def parts(plan: Plan) -> tuple:
    return plan.score, plan.remove, plan.keep


def test_everything_is_scored_and_what_the_input_lost_is_removed():
    found = {A: content(rows=2), B: content(rows=3)}
    plan = make_plan(found, state(B, C), [B, C], [], None)
    assert parts(plan) == ((A, B), (C,), ())
    assert (plan.found, plan.rows) == (found, 5)


def test_what_the_run_is_not_about_is_kept():
    assert parts(make_plan({B: content()}, state(A, B), [B], [A], None)) == ((B,), (), (A,))


def test_what_is_written_down_but_gone_is_not_kept():
    assert parts(make_plan({B: content()}, state(A, B, C), [B], [C], None)) == ((B,), (), (C,))


def test_the_state_after_a_run_is_what_was_kept_and_what_was_scored():
    before = {**state(A), **state(B, rows=7)}
    plan = Plan(found={B: content("new", rows=2)}, score=(B,), remove=(C,), keep=(A,))
    after = state_after(plan, before, "y", "s", whole=True)
    assert [(each.key, each.run_id, each.rows, each.fingerprint, each.recipe) for each in after] == [
        (A, "x", 1, "f", "r"),
        (B, "y", 2, "new", "s"),
    ]


def test_the_same_files_with_the_same_recipe_are_not_scored_again():
    assert parts(make_plan({A: content(), B: content()}, state(A), [A], [], "r")) == ((B,), (), (A,))


@pytest.mark.parametrize(
    ("known", "existing"),
    [
        (state(A, fingerprint="other"), [A]),
        (state(A, recipe="other"), [A]),
        (state(A, fingerprint=None), [A]),
        (state(A, rows=2), [A]),
        (state(A), []),
        ({}, [A]),
    ],
)
def test_what_differs_or_is_not_known_or_is_gone_is_scored_again(known: dict, existing: list):
    assert make_plan({A: content()}, known, existing, [], "r").score == (A,)


def test_files_that_nobody_knows_are_always_scored():
    assert make_plan({A: content(None)}, state(A, fingerprint=None), [A], [], "r").score == (A,)


def test_partitions_are_in_order_also_with_null():
    found = {(None,): content(), B: content(), A: content()}
    assert set(make_plan(found, {}, [], [], None).score) == {A, B, (None,)}
