"""Bounds on what each person eats in a day or a week: compiled, summed and checked exactly.

A maximum holds always. A minimum holds where every meal of the period is planned: where it can't be
reached, a meal stays open. A soft bound costs points in proportion to what is missing or too much.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sidecar.planning.household_schemas import NUTRIENTS, NutritionBound
from sidecar.planning.problem import OPEN, Column, Limit, Person, Plan, Problem
from sidecar.planning.schemas import PlanRequest, Recipe

_DAYS = {"day": 1, "week": 7}


def nutrients(recipe: Recipe) -> dict[str, Fraction]:
    """Return a recipe's known nutrients per serving, in kcal and grams."""
    given = {} if recipe.nutrition is None else recipe.nutrition.model_dump(exclude_none=True)
    return {name: Fraction(repr(amount)) for name, amount in given.items()}


def limits(
    request: PlanRequest,
    columns: Sequence[Column],
    people: Sequence[Person],
    closed: frozenset[int],
) -> tuple[Limit, ...]:
    """Return each bound for each person and period.

    Without people, one serving of each meal counts. A week that the plan covers in part has its
    share of the bounds. Who misses a meal of a period has no minimum in it.
    """
    days, width = request.planning_horizon.days, len(columns)
    eaters: list[int | None] = [*range(len(people))] or [None]
    found = []
    for number, bound in enumerate(request.constraints.nutrition):
        length = _DAYS[bound.per]
        for eater in eaters:
            if bound.person is not None and (eater is None or people[eater].id != bound.person):
                continue
            for first in range(0, days, length):
                period = range(first, min(first + length, days))
                slots = [
                    day * width + column
                    for day in period
                    for column in range(width)
                    if eater is None or eater in columns[column].people
                ]
                attended = tuple(slot for slot in slots if slot not in closed)
                if attended:
                    share = Fraction(len(period), length)
                    found.append(_limit(number, bound, eater, attended, share, people, slots))
    return tuple(limit for limit in found if not (limit.minimum is limit.maximum is None))


def _limit(
    number: int,
    bound: NutritionBound,
    eater: int | None,
    attended: tuple[int, ...],
    share: Fraction,
    people: Sequence[Person],
    slots: Sequence[int],
) -> Limit:
    exact = [None if v is None else Fraction(repr(v)) * share for v in (bound.min, bound.max)]
    return Limit(
        bound=number,
        nutrient=bound.nutrient,
        minimum=exact[0] if len(attended) == len(slots) else None,
        maximum=exact[1],
        soft=bound.soft,
        slots=attended,
        servings=Fraction(1) if eater is None else people[eater].servings,
    )


def bound_words(request: PlanRequest, bound: NutritionBound) -> str:
    """Return a bound in words."""
    names = {person.id: person.label for person in request.people}
    who = "everybody" if bound.person is None else names[bound.person]
    unit = "kcal" if bound.nutrient == "kcal" else f"g of {bound.nutrient.replace('_', ' ')}"
    parts = [
        f"{word} {value:g} {unit}"
        for word, value in (("at least", bound.min), ("at most", bound.max))
        if value is not None
    ]
    return f"{who} has {' and '.join(parts)} a {bound.per}"


def amount(problem: Problem, limit: Limit, dish: int) -> Fraction:
    """Return what a dish adds to a limit's sum, 0 if that is unknown."""
    return problem.dishes[dish].nutrition.get(limit.nutrient, Fraction(0)) * limit.servings


def total(problem: Problem, limit: Limit, plan: Plan) -> Fraction:
    """Return the sum of a limit's nutrient in a plan."""
    dishes = (plan[slot] for slot in limit.slots)
    return sum((amount(problem, limit, dish) for dish in dishes if dish != OPEN), Fraction(0))


def broken_limits(problem: Problem, plan: Plan, limits: Iterable[Limit]) -> Iterator[Limit]:
    """Yield the hard ones of some limits that a plan breaks."""
    for limit in limits:
        if limit.soft:
            continue
        eaten = total(problem, limit, plan)
        complete = all(plan[slot] != OPEN for slot in limit.slots)
        if (limit.maximum is not None and eaten > limit.maximum) or (
            complete and limit.minimum is not None and eaten < limit.minimum
        ):
            yield limit


def penalty(problem: Problem, plan: Plan) -> Fraction:
    """Return the points that a plan loses by its soft limits."""
    points = Fraction(0)
    for limit in problem.limits:
        if limit.soft:
            eaten = total(problem, limit, plan)
            points += problem.weights.nutrition * deviation(limit, eaten)
    return points


def deviation(limit: Limit, eaten: Fraction) -> Fraction:
    """Return by how much of a bound a sum misses it."""
    missed = Fraction(0)
    if limit.minimum is not None and eaten < limit.minimum:
        missed += (limit.minimum - eaten) / limit.minimum
    if limit.maximum is not None and eaten > limit.maximum:
        missed += (eaten - limit.maximum) / limit.maximum
    return missed


@dataclass(frozen=True, slots=True)
class Intake:
    """What somebody eats on a day, and how many of their meals each sum rests on."""

    day: int
    person: int | None
    sums: dict[str, Fraction]
    known: dict[str, int]
    meals: int


def intakes(problem: Problem, plan: Plan) -> Iterator[Intake]:
    """Yield the sums of each day and person."""
    eaters: list[int | None] = [*range(len(problem.people))] or [None]
    for day in range(problem.days):
        for person in eaters:
            slots = [
                slot
                for slot in problem.day_slots(day)
                if plan[slot] != OPEN and (person is None or person in problem.column(slot).people)
            ]
            servings = Fraction(1) if person is None else problem.people[person].servings
            sums: dict[str, Fraction] = {}
            known: dict[str, int] = {}
            for nutrient in NUTRIENTS:
                values = [
                    problem.dishes[plan[slot]].nutrition[nutrient] * servings
                    for slot in slots
                    if nutrient in problem.dishes[plan[slot]].nutrition
                ]
                if values:
                    sums[nutrient], known[nutrient] = sum(values, Fraction(0)), len(values)
            yield Intake(day, person, sums, known, len(slots))
