"""Sentences: why each meal is there, what was left out and why, and what excludes what."""

from collections import defaultdict
from collections.abc import Iterator

from sidecar.planning.problem import OPEN, Dish, Plan, Problem
from sidecar.planning.response import ConflictSet, OpenSlot
from sidecar.planning.scoring import Assessment, allot, assess, permitted
from sidecar.planning.slot_conflicts import why_open
from sidecar.planning.unsat_cores import ConstraintConflict, ConstraintKind, UserConstraint

_MOST_AVOIDED = 3
_MOST_OPEN_EXPLAINED = 20


def explain(problem: Problem, plan: Plan, facts: Assessment) -> tuple[str, ...]:
    """A summary, a sentence for each meal, and what was left out."""
    return (_summary(problem, plan, facts), *_meals(problem, plan, facts), *_avoided(problem, plan))


def open_slots(problem: Problem, plan: Plan) -> tuple[OpenSlot, ...]:
    """The slots left open with the constraints that keep them so."""
    slots = [slot for slot, dish in enumerate(plan) if dish == OPEN]
    found = []
    for place, slot in enumerate(slots):
        conflict = why_open(problem, plan, slot) if place < _MOST_OPEN_EXPLAINED else None
        meal = problem.meals[problem.meal(slot)]
        if conflict is not None:
            blocking = _listed([rule_sentence(problem, rule) for rule in conflict.rules])
            reason = f"{_slot(problem, slot)} stays open: {blocking}"
        elif any(problem.meal(slot) in dish.meals for dish in problem.dishes):
            reason = f"{_slot(problem, slot)} stays open: the other meals leave nothing that fits"
        else:
            reason = f"{_slot(problem, slot)} stays open: no recipe is meant for {meal}"
        found.append(
            OpenSlot(
                date=problem.date(problem.day(slot)).isoformat(),
                day_index=problem.day(slot),
                meal_type=meal,
                reason=reason,
                relaxations=() if conflict is None else _relaxations(problem, conflict),
            )
        )
    return tuple(found)


def conflict_set(problem: Problem, conflict: ConstraintConflict) -> ConflictSet:
    """A conflict in words."""
    return ConflictSet(
        constraints=tuple(rule_sentence(problem, rule) for rule in conflict.rules),
        relaxations=_relaxations(problem, conflict),
    )


def conflict_sentence(conflict: ConflictSet) -> str:
    """The conflict as one sentence."""
    if not conflict.constraints:
        return "No recipe is meant for any of the planned meals"
    if len(conflict.constraints) == 1:
        return f"This can't be met: {conflict.constraints[0]}"
    return f"These exclude each other: {_listed(list(conflict.constraints))}"


def rule_sentence(problem: Problem, rule: UserConstraint) -> str:
    """A user's constraint by its names and dates."""
    match rule.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[rule.subject]
            dish = problem.dishes[lock.dish]
            meal = "" if lock.meal is None else f" {problem.meals[lock.meal]}"
            text = f"{dish.name} is locked for {_day(problem, lock.day)}{meal}"
            if not dish.meals or (lock.meal is not None and lock.meal not in dish.meals):
                return f"{text}, but its tags name other meals"
            return f"{text} ({dish.minutes} min)"
        case ConstraintKind.EXCLUDED:
            return f"{problem.dishes[rule.subject].name} is excluded"
        case ConstraintKind.DIET:
            return f"every recipe must be {problem.diet[rule.subject]}"
        case ConstraintKind.DAY_BUDGET:
            minutes = problem.day_budgets[rule.subject]
            return f"{_day(problem, rule.subject)} allows {minutes} min"
        case ConstraintKind.MEAL_BUDGET:
            minutes = problem.slot_budgets[rule.subject]
            return f"{_slot(problem, rule.subject)} allows {minutes} min"
        case ConstraintKind.SHOPPING:
            return f"at most {_count(problem.max_items or 0, 'ingredient')} may be bought"
        case ConstraintKind.REPEATS:
            times = "once" if problem.max_repeats == 1 else f"{problem.max_repeats} times"
            return f"each recipe may be cooked at most {times}"


def _relaxations(problem: Problem, conflict: ConstraintConflict) -> tuple[str, ...]:
    return tuple(_relaxation(problem, rule, limit) for rule, limit in conflict.relaxations)


def _relaxation(problem: Problem, rule: UserConstraint, limit: int | None) -> str:
    match rule.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[rule.subject]
            return f"unlock {problem.dishes[lock.dish].name} on {_day(problem, lock.day)}"
        case ConstraintKind.EXCLUDED:
            return f"allow {problem.dishes[rule.subject].name} again"
        case ConstraintKind.DIET:
            return f"give up the dietary tag {problem.diet[rule.subject]}"
        case ConstraintKind.DAY_BUDGET:
            return f"allow {limit} min on {_day(problem, rule.subject)}"
        case ConstraintKind.MEAL_BUDGET:
            return f"allow {limit} min for {_slot(problem, rule.subject)}"
        case ConstraintKind.SHOPPING:
            return f"allow {_count(limit or 0, 'ingredient')} to be bought"
        case ConstraintKind.REPEATS:
            return f"allow a recipe {limit} times"


def _summary(problem: Problem, plan: Plan, facts: Assessment) -> str:
    cooked = sum(dish != OPEN for dish in plan)
    bought = len(facts.purchases)
    rescued = {
        problem.stocks[stock].item
        for stock, taken in facts.used.items()
        for lot, quantity in zip(problem.stocks[stock].lots, taken, strict=True)
        if quantity and lot.expiry <= problem.expiring_until
    }
    return (
        f"{_count(cooked, 'meal')} with {_count(bought, 'ingredient')} to buy; "
        f"{len(rescued)} of {_count(len(problem.expiring), 'expiring ingredient')} used in time."
    )


def _meals(problem: Problem, plan: Plan, facts: Assessment) -> Iterator[str]:
    rescues = _rescues(problem, plan)
    users: dict[int, list[str]] = defaultdict(list)
    for cooked in dict.fromkeys(number for number in plan if number != OPEN):
        for item in {problem.stocks[stock].item for stock, _ in problem.dishes[cooked].needs}:
            users[item].append(problem.dishes[cooked].name)
    for slot, number in enumerate(plan):
        if number == OPEN:
            continue
        dish = problem.dishes[number]
        reasons = []
        if any(
            lock.dish == number
            and lock.day == problem.day(slot)
            and lock.meal in (None, problem.meal(slot))
            for lock in problem.locks
        ):
            reasons.append("you locked it")
        if rescues[slot]:
            reasons.append(f"it uses {_listed(rescues[slot])}")
        items = {problem.stocks[stock].item for stock, _ in dish.needs}
        bought = items & facts.purchases
        if not bought:
            reasons.append("everything it needs is at home")
        else:
            shared = {name for item in bought for name in users[item] if name != dish.name}
            if shared:
                reasons.append(f"it shares its shopping with {_listed(sorted(shared)[:3])}")
            at_home = len(items) - len(bought)
            if at_home:
                reasons.append(f"{at_home} of its {_count(len(items), 'ingredient')} are at home")
        if dish.favourite:
            reasons.append("it is a favourite")
        budget = problem.minutes_allowed(slot)
        if budget is not None:
            reasons.append(f"it takes {dish.minutes} of the {budget} min allowed")
        elif not reasons:
            takes = f"takes {dish.minutes} min and " if dish.minutes else ""  # 0: nobody said
            reasons.append(f"it {takes}adds the least to buy")
        yield f"{_slot(problem, slot)}: {dish.name}, because {_listed(reasons)}."


def _rescues(problem: Problem, plan: Plan) -> dict[int, list[str]]:
    """For each slot what it takes from lots that are expiring, in words."""
    rescues: dict[int, list[str]] = defaultdict(list)
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for slot, dish in enumerate(plan):
        if dish != OPEN:
            for needed, quantity in problem.dishes[dish].needs:
                uses[needed].append((slot, quantity))
    for number, by_slot in uses.items():
        stock = problem.stocks[number]
        shares = allot(stock, [(problem.day(slot), quantity) for slot, quantity in by_slot])
        for (slot, _), share in zip(by_slot, shares, strict=True):
            used = [
                lot.expiry
                for lot, taken in zip(stock.lots, share, strict=True)
                if taken and lot.expiry <= problem.expiring_until
            ]
            if used:
                name = problem.items[stock.item].name
                rescues[slot].append(f"{name}, which expires on {_day(problem, min(used))}")
    return rescues


def _avoided(problem: Problem, plan: Plan) -> Iterator[str]:
    """The most tempting dishes that are not in the plan: favourites, and savers of food."""
    today = {number: _temptation(problem, dish) for number, dish in enumerate(problem.dishes)}
    left_out = sorted(set(today) - set(plan), key=lambda number: (-today[number], number))
    for number in left_out[:_MOST_AVOIDED]:
        if today[number]:
            yield f"{problem.dishes[number].name} was left out: {_why_not(problem, plan, number)}."


def _temptation(problem: Problem, dish: Dish) -> float:
    saved = 0.0
    for stock, quantity in dish.needs:
        lots = problem.stocks[stock].lots
        if lots and lots[0].expiry <= problem.expiring_until:
            saved += min(1.0, quantity / lots[0].quantity)
    return saved + dish.favourite


def _why_not(problem: Problem, plan: Plan, number: int) -> str:
    dish = problem.dishes[number]
    if dish.excluded:
        return "you excluded it"
    if dish.lacking:
        return f"it is not {_listed(list(dish.lacking))}"
    slots = [slot for slot in problem.slots if problem.meal(slot) in dish.meals]
    if not slots:
        return "it is meant for other meals"
    if not any(problem.fits(number, slot) for slot in slots):
        return f"it takes {dish.minutes} min, more than any of its meals allows"
    swaps = [(*plan[:slot], number, *plan[slot + 1 :]) for slot in slots]
    swaps = [swap for swap in swaps if permitted(problem, swap)]
    if not swaps:
        return "every place it could take breaks a limit or a locked meal"
    now = assess(problem, plan)
    facts = max((assess(problem, swap) for swap in swaps), key=lambda other: other.worth)
    extra = len(facts.purchases) - len(now.purchases)
    if extra > 0:
        return f"even in its best place it would add {_count(extra, 'ingredient')} to buy"
    return "even in its best place the plan would be worth no more"


def _slot(problem: Problem, slot: int) -> str:
    return f"{_day(problem, problem.day(slot))} {problem.meals[problem.meal(slot)]}"


def _day(problem: Problem, day: int) -> str:
    date = problem.date(day)
    return f"{date:%A} {date.isoformat()}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
