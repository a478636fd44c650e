"""Explanations in sentences: why each meal is planned, and what was left out."""

from collections import defaultdict
from collections.abc import Iterator

from sidecar.planning.constraint_words import (
    constraint_sentence,
    count_words,
    day_words,
    listed,
    people_words,
    relaxations,
    slot_words,
)
from sidecar.planning.problem import OPEN, Barred, Dish, Plan, Problem
from sidecar.planning.response import Metrics, OpenSlot
from sidecar.planning.scoring import Assessment, allocate, assess, cookings, is_feasible
from sidecar.planning.slot_conflicts import open_slot_conflict
from sidecar.planning.substitution_reasons import substitution_reasons
from sidecar.text.words import same_words

_MAX_LEFT_OUT = 3
_MAX_OPEN_SLOTS = 20
_MAX_TRIED_SLOTS = 20


def explain(
    problem: Problem, plan: Plan, assessment: Assessment, metrics: Metrics
) -> tuple[str, ...]:
    """Return a summary, a sentence for each meal, and what was left out."""
    summary = (
        f"{count_words(len(cookings(problem, plan)), 'meal')} with "
        f"{count_words(metrics.shopping_items_count, 'ingredient')} to buy; "
        f"{metrics.expiring_ingredients_used} of "
        f"{count_words(metrics.total_expiring_ingredients, 'expiring ingredient')} used in time."
    )
    return (summary, *_meal_sentences(problem, plan, assessment), *_left_out(problem, plan))


def open_slots(problem: Problem, plan: Plan) -> tuple[OpenSlot, ...]:
    """Return the open slots with the constraints that block them."""
    explained = []
    unfilled = [s for s, dish in enumerate(plan) if dish == OPEN and s not in problem.closed]
    for number, slot in enumerate(unfilled):
        conflict = open_slot_conflict(problem, plan, slot) if number < _MAX_OPEN_SLOTS else None
        column, meal = problem.column(slot), problem.meals[problem.meal(slot)]
        if conflict is not None:
            reason = listed([constraint_sentence(problem, c) for c in conflict.constraints])
        elif any(problem.suits(dish, slot) for dish in range(len(problem.dishes))):
            reason = "the other meals leave nothing that fits"
        else:
            course = "" if column.course is None else f" as {column.course}"
            reason = f"no recipe is meant for {meal}{course}"
        whom = f" for {people_words(problem, slot)}" if column.people else ""
        explained.append(
            OpenSlot(
                date=problem.date(problem.day(slot)).isoformat(),
                day_index=problem.day(slot),
                meal_type=meal,
                reason=f"{slot_words(problem, slot)} stays open{whom}: {reason}",
                relaxations=() if conflict is None else relaxations(problem, conflict),
                course=column.course,
                people=tuple(problem.people[person].id for person in column.people),
            )
        )
    return tuple(explained)


def _meal_sentences(problem: Problem, plan: Plan, assessment: Assessment) -> Iterator[str]:
    rescues = _rescues(problem, plan)
    users: dict[int, list[str]] = defaultdict(list)
    for number in dict.fromkeys(problem.base(number) for number in plan if number != OPEN):
        for item in {problem.stocks[stock].item for stock, _ in problem.dishes[number].needs}:
            users[item].append(problem.dishes[number].name)
    served: dict[tuple[object, int], list[int]] = defaultdict(list)
    for slot, number in enumerate(plan):
        if number != OPEN:
            served[problem.service(slot), number].append(slot)
    dishes_of = [service for service, _ in served]
    for (service, number), slots in served.items():
        slot, dish = slots[0], problem.dishes[number]
        reasons = []
        locked = {
            s for lock in problem.locks if lock.dish == number for s in problem.lock_slots(lock)
        }
        if locked.intersection(slots):
            reasons.append("you locked it")
        if habits := problem.slot_habits.get(slot):
            reasons += [problem.habits[habit].sentence for habit in habits]
        if used := list(dict.fromkeys(text for slot in slots for text in rescues[slot])):
            reasons.append(f"it uses {listed(used)}")
        items = {problem.stocks[stock].item for stock, _ in dish.needs}
        bought = items & assessment.purchases
        if not bought:
            reasons.append("everything it needs is at home")
        else:
            shared = {name for item in bought for name in users[item] if name != dish.name}
            if shared:
                reasons.append(f"it shares its shopping with {listed(sorted(shared)[:3])}")
            at_home = len(items) - len(bought)
            if at_home:
                reasons.append(
                    f"{at_home} of its {count_words(len(items), 'ingredient')} are at home"
                )
        if dish.favorite:
            reasons.append("it is a favorite")
        budget = problem.minutes_allowed(slot)
        if budget is not None and not dish.age:
            reasons.append(f"it takes {dish.minutes} of the {budget} min allowed")
        elif not reasons:
            takes = f"takes {dish.minutes} min and " if dish.minutes else ""  # 0 is not stated
            reasons.append(f"it {takes}adds the least to buy")
        if dish.age:
            day = day_words(problem, problem.cooking_day(number, slot))
            reasons = [f"it is left over from {day}", *reasons]
        whom = ""
        if dishes_of.count(service) > 1:
            whom = f" for {listed([people_words(problem, slot) for slot in slots])}"
        yield f"{slot_words(problem, slot)}{whom}: {dish.name}, because {listed(reasons)}."
        if not dish.age:
            for substitution, why in zip(
                dish.substitutions, substitution_reasons(problem, plan, slots), strict=True
            ):
                name = substitution.instead_of_name
                yield f"Use {substitution.name} instead of {name} in {dish.name}: {why}."
        if dish.omitted and not dish.age:
            omitted = listed([barred.ingredient for barred in dish.omitted])
            yield f"Leave {omitted} out of {dish.name}."


def _rescues(problem: Problem, plan: Plan) -> dict[int, list[str]]:
    """Return in words what each slot uses from expiring lots."""
    rescues: dict[int, list[str]] = defaultdict(list)
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            for number, quantity in problem.needs(dish, slot):
                uses[number].append((slot, quantity))
    for number, by_slot in uses.items():
        stock = problem.stocks[number]
        by_slot.sort(key=lambda use: problem.cooking_day(plan[use[0]], use[0]))
        parts = allocate(
            stock,
            [(problem.cooking_day(plan[slot], slot), quantity) for slot, quantity in by_slot],
        )
        for (slot, _), part in zip(by_slot, parts, strict=True):
            expiries = [
                lot.expiry
                for lot, taken in zip(stock.lots, part, strict=True)
                if taken and lot.expiry <= problem.expiring_until
            ]
            if expiries:
                name = problem.items[stock.item].name
                rescues[slot].append(
                    f"{name}, which expires on {day_words(problem, min(expiries))}"
                )
    return rescues


def _left_out(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield sentences for the best dishes that are not planned: favorites, and savers of food."""
    appeal = {
        number: _appeal(problem, dish) for number, dish in enumerate(problem.dishes) if not dish.age
    }
    planned = {problem.recipe(dish) for dish in plan if dish != OPEN}
    left_out = sorted(set(appeal) - planned, key=lambda number: (-appeal[number], number))
    for number in left_out[:_MAX_LEFT_OUT]:
        if appeal[number]:
            reason = _reason_left_out(problem, plan, number)
            yield f"{problem.dishes[number].name} was left out: {reason}."


def _appeal(problem: Problem, dish: Dish) -> float:
    saved = 0.0
    for stock, quantity in dish.needs:
        lots = problem.stocks[stock].lots
        if lots and lots[0].expiry <= problem.expiring_until:
            saved += min(1.0, quantity / lots[0].quantity)
    return saved + dish.favorite


def _reason_left_out(problem: Problem, plan: Plan, number: int) -> str:
    dish = problem.dishes[number]
    if dish.excluded:
        return "you excluded it"
    if dish.barred:
        return listed([_barred(problem, barred) for barred in dish.barred])
    if dish.lacking:
        return f"it is not {listed(list(dish.lacking))}"
    slots = [slot for slot in problem.slots if problem.suits(number, slot)]
    if not slots:
        return "it is meant for other meals"
    limits = [problem.minutes_allowed(slot) for slot in slots]
    if all(limit is not None and dish.minutes > limit for limit in limits):
        return f"it takes {dish.minutes} min, more than any of its meals allows"
    if all(problem.denials(number, slot) for slot in slots):
        wishes = sorted({wish for slot in slots for wish in problem.denials(number, slot)})
        return listed([problem.wishes[wish].sentence for wish in wishes[:3]])
    if not problem.is_simple:  # where each try takes longer, and slots are many
        slots = slots[:_MAX_TRIED_SLOTS]
    swaps = [(*plan[:slot], number, *plan[slot + 1 :]) for slot in slots]
    swaps = [swap for swap in swaps if is_feasible(problem, swap)]
    if not swaps:
        return "every place it could take breaks a limit or a locked meal"
    best = max((assess(problem, swap) for swap in swaps), key=lambda swap: swap.score)
    extra = len(best.purchases) - len(assess(problem, plan).purchases)
    if extra > 0:
        return f"even in its best place it would add {count_words(extra, 'ingredient')} to buy"
    return "even in its best place the plan would be worth no more"


def _barred(problem: Problem, barred: Barred) -> str:
    wish = problem.excluded_ingredients[barred.wish]
    if not barred.sure:
        return f"{barred.ingredient} may contain {wish}"
    named = "" if same_words(barred.ingredient, wish) else f" ({wish})"
    return f"it contains {barred.ingredient}{named}"
