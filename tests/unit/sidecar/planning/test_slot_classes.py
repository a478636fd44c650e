from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planner_instances import small
from sidecar.planning.problem import OPEN, Problem, compile_request
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.slot_classes import SlotRun, classes, crowds, slot_runs, spread


def problem(seed: int) -> Problem:
    return compile_request(PlanRequest.model_validate(small(seed)))


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_the_cells_of_a_dish_cover_each_slot_it_fits_once(seed: int) -> None:
    asked = problem(seed)
    of = classes(asked)
    assert sorted(slot for slots in of for slot in slots) == list(asked.slots)
    covered = [
        (cell.dish, slot)
        for cell in slot_runs(asked, of)
        for slot in of[cell.of][cell.first : cell.last + 1]
    ]
    fitting = [
        (dish, slot)
        for dish in range(len(asked.dishes))
        for slot in asked.slots
        if asked.fits(dish, slot)
    ]
    assert sorted(covered) == fitting


@settings(deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_whatever_crowds_nowhere_can_be_spread(seed: int, data: st.DataObject) -> None:
    asked = problem(seed)
    of = classes(asked)
    found = list(slot_runs(asked, of))
    wanted = data.draw(st.lists(st.integers(0, 2), min_size=len(found), max_size=len(found)))
    counts: list[tuple[SlotRun, int]] = []
    for number in range(len(of)):
        inside = [place for place, cell in enumerate(found) if cell.of == number]
        crowd = list(crowds([found[place] for place in inside]))
        held = [0] * len(inside)
        for place, cell in enumerate(inside):
            for _ in range(wanted[cell]):
                held[place] += 1
                if any(sum(held[each] for each in run) > slots for run, slots in crowd):
                    held[place] -= 1
        counts += [(found[cell], held[place]) for place, cell in enumerate(inside)]
    plan = spread(asked, of, counts)
    assert sum(dish != OPEN for dish in plan) == sum(count for _, count in counts)
    assert all(asked.fits(dish, slot) for slot, dish in enumerate(plan) if dish != OPEN)
