"""Constraints, conflicts and relaxations in the words of the request."""

from fractions import Fraction

from babel.numbers import get_currency_precision

from sidecar.planning.problem import Problem
from sidecar.planning.response import ConflictSet
from sidecar.planning.unsat_cores import ConstraintConflict, ConstraintKind, UserConstraint


def conflict_set(problem: Problem, conflict: ConstraintConflict) -> ConflictSet:
    """Return a conflict in words."""
    return ConflictSet(
        constraints=tuple(constraint_sentence(problem, c) for c in conflict.constraints),
        relaxations=relaxations(problem, conflict),
    )


def conflict_sentence(conflict: ConflictSet) -> str:
    """Return a conflict as one sentence."""
    if not conflict.constraints:
        return "No recipe is meant for any of the planned meals"
    if len(conflict.constraints) == 1:
        return f"This can't be met: {conflict.constraints[0]}"
    return f"These exclude each other: {listed(list(conflict.constraints))}"


def constraint_sentence(problem: Problem, constraint: UserConstraint) -> str:
    """Return a user constraint in words, with its names and dates."""
    subject = constraint.subject
    match constraint.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[subject]
            dish = problem.dishes[lock.dish]
            meal = "" if lock.meal is None else f" {problem.meals[lock.meal]}"
            text = f"{dish.name} is locked for {day_words(problem, lock.day)}{meal}"
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
            return f"{day_words(problem, subject)} allows {problem.day_budgets[subject]} min"
        case ConstraintKind.MEAL_BUDGET:
            return f"{_sitting(problem, subject)} allows {problem.sitting_budgets[subject]} min"
        case ConstraintKind.SHOPPING:
            return f"at most {count_words(problem.max_items or 0, 'ingredient')} may be bought"
        case ConstraintKind.REPEATS:
            times = "once" if problem.max_repeats == 1 else f"{problem.max_repeats} times"
            return f"each recipe may be cooked at most {times}"
        case ConstraintKind.DISTANCE:
            days = count_words(problem.min_distance, "day")
            return f"a recipe is cooked again after {days} at the earliest"
        case ConstraintKind.COOKING_DAYS:
            return f"at most {count_words(problem.max_cooking_days or 0, 'day')} may be for cooking"
        case ConstraintKind.NO_COOKING:
            return f"nothing is cooked {problem.no_cooking_times[subject]}"
        case ConstraintKind.NUTRITION:
            return problem.bounds[subject]
        case ConstraintKind.HABIT:
            return problem.habits[subject].sentence
        case ConstraintKind.WISH:
            return problem.wishes[subject].sentence
        case ConstraintKind.COST:
            return f"the shopping may cost at most {money(problem, problem.budget or Fraction(0))}"


def relaxations(problem: Problem, conflict: ConstraintConflict) -> tuple[str, ...]:
    """Return the relaxations of a conflict in words."""
    return tuple(_relaxation(problem, c, limit) for c, limit in conflict.relaxations)


def _relaxation(problem: Problem, constraint: UserConstraint, limit: int | None) -> str:
    subject = constraint.subject
    match constraint.kind:
        case ConstraintKind.LOCK:
            lock = problem.locks[subject]
            return f"unlock {problem.dishes[lock.dish].name} on {day_words(problem, lock.day)}"
        case ConstraintKind.EXCLUDED:
            return f"allow {problem.dishes[subject].name} again"
        case ConstraintKind.DIET:
            return f"give up the dietary tag {problem.diet[subject]}"
        case ConstraintKind.INGREDIENT:
            return f"allow {problem.excluded_ingredients[subject]} again"
        case ConstraintKind.DAY_BUDGET:
            return f"allow {limit} min on {day_words(problem, subject)}"
        case ConstraintKind.MEAL_BUDGET:
            return f"allow {limit} min for {_sitting(problem, subject)}"
        case ConstraintKind.SHOPPING:
            return f"allow {count_words(limit or 0, 'ingredient')} to be bought"
        case ConstraintKind.REPEATS:
            return f"allow a recipe {limit} times"
        case ConstraintKind.DISTANCE:
            return "allow a recipe again after fewer days"
        case ConstraintKind.COOKING_DAYS:
            return f"allow {count_words(limit or 0, 'day')} for cooking"
        case ConstraintKind.NO_COOKING:
            return f"allow cooking {problem.no_cooking_times[subject]}"
        case ConstraintKind.NUTRITION:
            return f"give up that {problem.bounds[subject]}"
        case ConstraintKind.HABIT:
            return problem.habits[subject].relaxation
        case ConstraintKind.WISH:
            return problem.wishes[subject].relaxation
        case ConstraintKind.COST:
            return f"allow {money(problem, Fraction(limit or 0, 100))} for the shopping"


def slot_words(problem: Problem, slot: int) -> str:
    """Return a slot's day, meal and course in words."""
    course = problem.column(slot).course
    name = _sitting(problem, problem.sitting(slot))
    return name if course is None else f"{name} ({course})"


def people_words(problem: Problem, slot: int) -> str:
    """Return the names of the people at a slot."""
    return listed([problem.people[person].name for person in problem.column(slot).people])


def money(problem: Problem, amount: Fraction) -> str:
    """Return an amount and its currency: 100 JPY, 1.250 KWD."""
    text = f"{float(amount):.{decimals_of(problem.currency)}f}"
    return text if problem.currency is None else f"{text} {problem.currency}"


def decimals_of(currency: str | None) -> int:
    """Return the decimals of a currency's amounts; two if it is unknown."""
    return get_currency_precision(currency) if currency else 2


def _sitting(problem: Problem, sitting: int) -> str:
    day, meal = divmod(sitting, len(problem.meals))
    return f"{day_words(problem, day)} {problem.meals[meal]}"


def day_words(problem: Problem, day: int) -> str:
    """Return a day's name and date."""
    date = problem.date(day)
    return f"{date:%A} {date.isoformat()}"


def count_words(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: list[str]) -> str:
    """Return words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
