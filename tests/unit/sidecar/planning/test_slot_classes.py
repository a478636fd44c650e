from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planner_instances import small
from sidecar.planning.compiler import compile_request
from sidecar.planning.problem import OPEN, Problem
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.slot_classes import SlotRun, assign_slots, intervals, slot_classes, slot_runs


def compiled(seed: int) -> Problem:
    return compile_request(PlanRequest.model_validate(small(seed)))


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_the_runs_of_a_dish_cover_each_slot_it_fits_once(seed: int) -> None:
    problem = compiled(seed)
    classes = slot_classes(problem)
    assert sorted(slot for slots in classes for slot in slots) == list(problem.slots)
    covered = [
        (run.dish, slot)
        for run in slot_runs(problem, classes)
        for slot in classes[run.slot_class][run.first : run.last + 1]
    ]
    fitting = [
        (dish, slot)
        for dish in range(len(problem.dishes))
        for slot in problem.slots
        if problem.fits(dish, slot)
    ]
    assert sorted(covered) == fitting


@settings(deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_counts_that_exceed_no_interval_can_all_be_assigned(seed: int, data: st.DataObject) -> None:
    problem = compiled(seed)
    classes = slot_classes(problem)
    runs = list(slot_runs(problem, classes))
    drawn = data.draw(st.lists(st.integers(0, 2), min_size=len(runs), max_size=len(runs)))
    counts: list[tuple[SlotRun, int]] = []
    for number in range(len(classes)):
        members = [index for index, run in enumerate(runs) if run.slot_class == number]
        limits = list(intervals([runs[index] for index in members]))
        class_counts = [0] * len(members)
        for position, index in enumerate(members):
            for _ in range(drawn[index]):
                class_counts[position] += 1
                if any(sum(class_counts[n] for n in inside) > slots for inside, slots in limits):
                    class_counts[position] -= 1
        counts += [(runs[index], class_counts[n]) for n, index in enumerate(members)]
    plan = assign_slots(problem, classes, counts)
    assert sum(dish != OPEN for dish in plan) == sum(count for _, count in counts)
    assert all(problem.fits(dish, slot) for slot, dish in enumerate(plan) if dish != OPEN)
