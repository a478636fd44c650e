"""Explanations in sentences: why each meal is planned, what was left out, and what conflicts."""

from collections import defaultdict
from collections.abc import Iterator

from sidecar.planning.allergens import same_name
from sidecar.planning.problem import OPEN, Barred, Dish, Plan, Problem
from sidecar.planning.response import ConflictSet, Metrics, OpenSlot
from sidecar.planning.scoring import Assessment, allocate, assess, count_meals, is_feasible
from sidecar.planning.slot_conflicts import open_slot_conflict
from sidecar.planning.unsat_cores import ConstraintConflict, ConstraintKind, UserConstraint

_MAX_LEFT_OUT = 3
_MAX_OPEN_SLOTS = 20


def explain(
    problem: Problem, plan: Plan, assessment: Assessment, metrics: Metrics
) -> tuple[str, ...]:
    """Return a summary, a sentence for each meal, and what was left out."""
    summary = (
        f"{_count(count_meals(plan), 'meal')} with "
        f"{_count(metrics.shopping_items_count, 'ingredient')} to buy; "
        f"{metrics.expiring_ingredients_used} of "
        f"{_count(metrics.total_expiring_ingredients, 'expiring ingredient')} used in time."
    )
    return (summary, *_meal_sentences(problem, plan, assessment), *_left_out(problem, plan))


def open_slots(problem: Problem, plan: Plan) -> tuple[OpenSlot, ...]:
    """Return the open slots with the constraints that block them."""
    explained = []
    for number, slot in enumerate(slot for slot, dish in enumerate(plan) if dish == OPEN):
        conflict = open_slot_conflict(problem, plan, slot) if number < _MAX_OPEN_SLOTS else None
        meal = problem.meals[problem.meal(slot)]
        if conflict is not None:
            reason = _listed([constraint_sentence(problem, c) for c in conflict.constraints])
        elif any(problem.meal(slot) in dish.meals for dish in problem.dishes):
            reason = "the other meals leave nothing that fits"
        else:
            reason = f"no recipe is meant for {meal}"
        explained.append(
            OpenSlot(
                date=problem.date(problem.day(slot)).isoformat(),
                day_index=problem.day(slot),
                meal_type=meal,
                reason=f"{_slot(problem, slot)} stays open: {reason}",
                relaxations=() if conflict is None else _relaxations(problem, conflict),
            )
        )
    return tuple(explained)


def conflict_set(problem: Problem, conflict: ConstraintConflict) -> ConflictSet:
    """Return a conflict in words."""
    return ConflictSet(
        constraints=tuple(constraint_sentence(problem, c) for c in conflict.constraints),
        relaxations=_relaxations(problem, conflict),
    )


def conflict_sentence(conflict: ConflictSet) -> str:
    """Return a conflict as one sentence."""
    if not conflict.constraints:
        return "No recipe is meant for any of the planned meals"
    if len(conflict.constraints) == 1:
        return f"This can't be met: {conflict.constraints[0]}"
    return f"These exclude each other: {_listed(list(conflict.constraints))}"


def constraint_sentence(problem: Problem, constraint: UserConstraint) -> str:
    """Return a user constraint in words, with its names and dates."""
    subject = constraint.subject
    match constraint.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[subject]
            dish = problem.dishes[lock.dish]
            meal = "" if lock.meal is None else f" {problem.meals[lock.meal]}"
            text = f"{dish.name} is locked for {_day(problem, lock.day)}{meal}"
            if not dish.meals or (lock.meal is not None and lock.meal not in dish.meals):
                return f"{text}, but its tags name other meals"
            return f"{text} ({dish.minutes} min)"
        case ConstraintKind.EXCLUDED:
            return f"{problem.dishes[subject].name} is excluded"
        case ConstraintKind.DIET:
            return f"every recipe must be {problem.diet[subject]}"
        case ConstraintKind.INGREDIENT:
            return f"no recipe may contain {problem.excluded_ingredients[subject]}"
        case ConstraintKind.DAY_BUDGET:
            return f"{_day(problem, subject)} allows {problem.day_budgets[subject]} min"
        case ConstraintKind.MEAL_BUDGET:
            return f"{_slot(problem, subject)} allows {problem.slot_budgets[subject]} min"
        case ConstraintKind.SHOPPING:
            return f"at most {_count(problem.max_items or 0, 'ingredient')} may be bought"
        case ConstraintKind.REPEATS:
            times = "once" if problem.max_repeats == 1 else f"{problem.max_repeats} times"
            return f"each recipe may be cooked at most {times}"


def _relaxations(problem: Problem, conflict: ConstraintConflict) -> tuple[str, ...]:
    return tuple(_relaxation(problem, c, limit) for c, limit in conflict.relaxations)


def _relaxation(problem: Problem, constraint: UserConstraint, limit: int | None) -> str:
    subject = constraint.subject
    match constraint.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[subject]
            return f"unlock {problem.dishes[lock.dish].name} on {_day(problem, lock.day)}"
        case ConstraintKind.EXCLUDED:
            return f"allow {problem.dishes[subject].name} again"
        case ConstraintKind.DIET:
            return f"give up the dietary tag {problem.diet[subject]}"
        case ConstraintKind.INGREDIENT:
            return f"allow {problem.excluded_ingredients[subject]} again"
        case ConstraintKind.DAY_BUDGET:
            return f"allow {limit} min on {_day(problem, subject)}"
        case ConstraintKind.MEAL_BUDGET:
            return f"allow {limit} min for {_slot(problem, subject)}"
        case ConstraintKind.SHOPPING:
            return f"allow {_count(limit or 0, 'ingredient')} to be bought"
        case ConstraintKind.REPEATS:
            return f"allow a recipe {limit} times"


def _meal_sentences(problem: Problem, plan: Plan, assessment: Assessment) -> Iterator[str]:
    rescues = _rescues(problem, plan)
    users: dict[int, list[str]] = defaultdict(list)
    for number in dict.fromkeys(number for number in plan if number != OPEN):
        for item in {problem.stocks[stock].item for stock, _ in problem.dishes[number].needs}:
            users[item].append(problem.dishes[number].name)
    for slot, number in enumerate(plan):
        if number == OPEN:
            continue
        dish = problem.dishes[number]
        reasons = []
        if any(lock.dish == number and slot in problem.lock_slots(lock) for lock in problem.locks):
            reasons.append("you locked it")
        if rescues[slot]:
            reasons.append(f"it uses {_listed(rescues[slot])}")
        items = {problem.stocks[stock].item for stock, _ in dish.needs}
        bought = items & assessment.purchases
        if not bought:
            reasons.append("everything it needs is at home")
        else:
            shared = {name for item in bought for name in users[item] if name != dish.name}
            if shared:
                reasons.append(f"it shares its shopping with {_listed(sorted(shared)[:3])}")
            at_home = len(items) - len(bought)
            if at_home:
                reasons.append(f"{at_home} of its {_count(len(items), 'ingredient')} are at home")
        if dish.favorite:
            reasons.append("it is a favorite")
        budget = problem.minutes_allowed(slot)
        if budget is not None:
            reasons.append(f"it takes {dish.minutes} of the {budget} min allowed")
        elif not reasons:
            takes = f"takes {dish.minutes} min and " if dish.minutes else ""  # 0 is not stated
            reasons.append(f"it {takes}adds the least to buy")
        yield f"{_slot(problem, slot)}: {dish.name}, because {_listed(reasons)}."
        if dish.omitted:
            omitted = _listed([barred.ingredient for barred in dish.omitted])
            yield f"Leave {omitted} out of {dish.name}."


def _rescues(problem: Problem, plan: Plan) -> dict[int, list[str]]:
    """Return in words what each slot uses from expiring lots."""
    rescues: dict[int, list[str]] = defaultdict(list)
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            for number, quantity in problem.dishes[dish].needs:
                uses[number].append((slot, quantity))
    for number, by_slot in uses.items():
        stock = problem.stocks[number]
        parts = allocate(stock, [(problem.day(slot), quantity) for slot, quantity in by_slot])
        for (slot, _), part in zip(by_slot, parts, strict=True):
            expiries = [
                lot.expiry
                for lot, taken in zip(stock.lots, part, strict=True)
                if taken and lot.expiry <= problem.expiring_until
            ]
            if expiries:
                name = problem.items[stock.item].name
                rescues[slot].append(f"{name}, which expires on {_day(problem, min(expiries))}")
    return rescues


def _left_out(problem: Problem, plan: Plan) -> Iterator[str]:
    """Yield sentences for the best dishes that are not planned: favorites, and savers of food."""
    appeal = {number: _appeal(problem, dish) for number, dish in enumerate(problem.dishes)}
    left_out = sorted(set(appeal) - set(plan), key=lambda number: (-appeal[number], number))
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
        return _listed([_barred(problem, barred) for barred in dish.barred])
    if dish.lacking:
        return f"it is not {_listed(list(dish.lacking))}"
    slots = [slot for slot in problem.slots if problem.meal(slot) in dish.meals]
    if not slots:
        return "it is meant for other meals"
    if not any(problem.fits(number, slot) for slot in slots):
        return f"it takes {dish.minutes} min, more than any of its meals allows"
    swaps = [(*plan[:slot], number, *plan[slot + 1 :]) for slot in slots]
    swaps = [swap for swap in swaps if is_feasible(problem, swap)]
    if not swaps:
        return "every place it could take breaks a limit or a locked meal"
    best = max((assess(problem, swap) for swap in swaps), key=lambda swap: swap.score)
    extra = len(best.purchases) - len(assess(problem, plan).purchases)
    if extra > 0:
        return f"even in its best place it would add {_count(extra, 'ingredient')} to buy"
    return "even in its best place the plan would be worth no more"


def _barred(problem: Problem, barred: Barred) -> str:
    wish = problem.excluded_ingredients[barred.wish]
    if not barred.sure:
        return f"{barred.ingredient} may contain {wish}"
    named = "" if same_name(barred.ingredient, wish) else f" ({wish})"
    return f"it contains {barred.ingredient}{named}"


def _slot(problem: Problem, slot: int) -> str:
    return f"{_day(problem, problem.day(slot))} {problem.meals[problem.meal(slot)]}"


def _day(problem: Problem, day: int) -> str:
    date = problem.date(day)
    return f"{date:%A} {date.isoformat()}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
