"""Whether any plan exists, decided by Z3, and which of the user's constraints rule it out.

A plan may leave slots open, so the only things that can fail are the locked meals, taken together,
and, where nothing is locked, the wish for at least one meal. Both are small: the first needs the
locked dishes alone, the second one dish and one slot. Each user constraint is guarded by a literal;
an unsatisfiable core over these, shrunk by deletion, is a minimal conflict.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import z3

from deployments.planner.problem import OPEN, Plan, Problem
from deployments.planner.worth import assess, take, uses_of


class Kind(StrEnum):
    """What a user constraint is about."""

    LOCK = "locked_meals"
    EXCLUDED = "excluded_recipes"
    DIET = "dietary"
    DAY_BUDGET = "time_budgets"
    MEAL_BUDGET = "time_budgets_meal"
    SHOPPING = "max_shopping_items"
    REPEATS = "max_repeats"


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One user constraint: `subject` is the index of a lock, dish, dietary tag, day or slot."""

    kind: Kind
    subject: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules that can't all hold, though all but any one of them can.

    `relaxations` are rules that resolve it when loosened: a number to the least that will do, the
    others (None) when dropped.
    """

    rules: tuple[Rule, ...]
    relaxations: tuple[tuple[Rule, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either the locked dishes by slot, or the conflicts that leave no plan."""

    pins: dict[int, int] | None
    conflicts: tuple[Conflict, ...] = ()


_MOST_CONFLICTS = 5
_NUMBERS = frozenset({Kind.DAY_BUDGET, Kind.MEAL_BUDGET, Kind.SHOPPING, Kind.REPEATS})
# Rules that are dropped first when a core is shrunk: what the user set once and for everything
# stays out of the explanation when particular wishes explain it.
_DELETION_ORDER = (
    Kind.SHOPPING,
    Kind.REPEATS,
    Kind.DAY_BUDGET,
    Kind.MEAL_BUDGET,
    Kind.DIET,
    Kind.EXCLUDED,
    Kind.LOCK,
)


def decide(problem: Problem) -> Verdict:
    """Whether the request can be met at all. Conflicts have no rule in common."""
    model = _LockedMeals(problem) if problem.locks else None
    if model is not None and (pins := model.pins()) is not None:
        return Verdict(pins)
    # What rules out every single dish needs no lock to be a conflict, so it is looked for first.
    cores: list[tuple[Rule, ...]] = []
    blocked = _all_blockers(problem)
    while len(cores) < _MOST_CONFLICTS and (core := _minimal_cover(blocked)) is not None:
        cores.append(core)
        if not core:  # no recipe is for any of the meals: no rule's fault
            break
        blocked = {rules.difference(core) for rules in blocked}
    if model is not None:
        cores += model.conflicts({rule for core in cores for rule in core})
    if not cores:
        return Verdict({})
    conflicts = tuple(_with_relaxations(problem, core) for core in cores[:_MOST_CONFLICTS])
    return Verdict(None, conflicts)


def why_open(problem: Problem, plan: Plan, slot: int) -> Conflict | None:
    """The rules that, with the rest of the plan as it is, keep every dish out of an open slot.

    None if no rule does: no dish in the request is for this meal at all.
    """
    kitchen = _Rest(problem, plan)
    found = [kitchen.blockers(dish, slot) for dish in range(len(problem.dishes))]
    blocked = [rules for rules in found if rules is not None]
    core = _minimal_cover(blocked) if blocked else None
    if core is None:
        return None
    # Where a rule is all that keeps a dish out, the quickest such dish says how far to loosen it.
    helped: dict[Rule, int] = {}
    for dish, rules in enumerate(found):
        if rules is not None and len(rules) == 1:
            (rule,) = rules
            if rule not in helped or (
                problem.dishes[dish].minutes < problem.dishes[helped[rule]].minutes
            ):
                helped[rule] = dish
    spent = kitchen.minutes[problem.day(slot)]
    relaxations: list[tuple[Rule, int | None]] = []
    for rule in core:
        match rule.kind:
            case Kind.DAY_BUDGET if rule in helped:
                relaxations.append((rule, spent + problem.dishes[helped[rule]].minutes))
            case Kind.MEAL_BUDGET if rule in helped:
                relaxations.append((rule, problem.dishes[helped[rule]].minutes))
            case Kind.REPEATS if rule in helped:
                relaxations.append((rule, problem.max_repeats + 1))
            case Kind.DIET | Kind.EXCLUDED if rule in helped:
                relaxations.append((rule, None))
            case _:
                pass
    return Conflict(core, tuple(relaxations))


def _with_relaxations(problem: Problem, core: tuple[Rule, ...]) -> Conflict:
    alone = _only(problem, core)
    relaxations: list[tuple[Rule, int | None]] = []
    for rule in core:
        if rule.kind in _NUMBERS:
            # Beside another conflict nothing helps the whole problem: then look at this one alone.
            limit = _least_limit(problem, rule) or _least_limit(alone, rule)
            if limit is not None:
                relaxations.append((rule, limit))
        else:
            relaxations.append((rule, None))
    return Conflict(core, tuple(relaxations))


def _only(problem: Problem, core: Iterable[Rule]) -> Problem:
    """The problem with no constraints but these."""
    rules = set(core)
    excluded = {rule.subject for rule in rules if rule.kind is Kind.EXCLUDED}
    tags = {problem.diet[rule.subject] for rule in rules if rule.kind is Kind.DIET}
    return replace(
        problem,
        dishes=tuple(
            replace(
                dish,
                excluded=number in excluded,
                lacking=tuple(tag for tag in dish.lacking if tag in tags),
            )
            for number, dish in enumerate(problem.dishes)
        ),
        day_budgets=tuple(
            budget if Rule(Kind.DAY_BUDGET, day) in rules else None
            for day, budget in enumerate(problem.day_budgets)
        ),
        slot_budgets=tuple(
            budget if Rule(Kind.MEAL_BUDGET, slot) in rules else None
            for slot, budget in enumerate(problem.slot_budgets)
        ),
        locks=tuple(
            lock for number, lock in enumerate(problem.locks) if Rule(Kind.LOCK, number) in rules
        ),
        max_items=problem.max_items if Rule(Kind.SHOPPING) in rules else None,
        max_repeats=problem.max_repeats if Rule(Kind.REPEATS) in rules else len(problem.slots),
    )


def _least_limit(problem: Problem, rule: Rule) -> int | None:
    """The least value of a rule's number that makes the problem feasible, None if none does."""
    day_minutes = sum(sorted(dish.minutes for dish in problem.dishes)[-len(problem.meals) :])
    match rule.kind:
        case Kind.DAY_BUDGET:
            low, high = problem.day_budgets[rule.subject] or 0, day_minutes
        case Kind.MEAL_BUDGET:
            low, high = problem.slot_budgets[rule.subject] or 0, day_minutes
        case Kind.SHOPPING:
            low, high = problem.max_items or 0, len(problem.items)
        case _:
            low, high = problem.max_repeats, len(problem.slots)
    if not _feasible(_with_limit(problem, rule, high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _feasible(_with_limit(problem, rule, middle)):
            high = middle
        else:
            low = middle
    return high


def _with_limit(problem: Problem, rule: Rule, limit: int) -> Problem:
    match rule.kind:
        case Kind.DAY_BUDGET:
            return replace(problem, day_budgets=_set(problem.day_budgets, rule.subject, limit))
        case Kind.MEAL_BUDGET:
            return replace(problem, slot_budgets=_set(problem.slot_budgets, rule.subject, limit))
        case Kind.SHOPPING:
            return replace(problem, max_items=limit)
        case _:
            return replace(problem, max_repeats=limit)


def _set(values: Sequence[int | None], place: int, value: int) -> tuple[int | None, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _feasible(problem: Problem) -> bool:
    if problem.locks:
        return _LockedMeals(problem).pins() is not None
    return frozenset() in _all_blockers(problem)


def _all_blockers(problem: Problem) -> set[frozenset[Rule]]:
    """The sets of rules that keep single dishes out of an empty plan; just {{}} if one is free."""
    kitchen = _Rest(problem, (OPEN,) * len(problem.slots))
    found: set[frozenset[Rule]] = set()
    for slot in _kinds_of_slot(problem):
        for dish in range(len(problem.dishes)):
            rules = kitchen.blockers(dish, slot)
            if rules is None:
                continue
            if not rules:
                return {rules}
            found.add(rules)
    return found


def _kinds_of_slot(problem: Problem) -> list[int]:
    """The slots with limits of their own, and of the unlimited ones the first of each meal."""
    kinds: dict[tuple[int, int | None], int] = {}
    for slot in problem.slots:
        # Budgets are rules of their own date, so slots that have one never stand for each other;
        # without one, a later day only has less food left than an earlier one.
        limited = problem.minutes_allowed(slot) is not None
        kinds.setdefault((problem.meal(slot), slot if limited else None), slot)
    return list(kinds.values())


class _Rest:
    """The rest of a plan, around one dish more."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.count = Counter(plan)
        self.uses = uses_of(problem, plan)
        self.purchases = assess(problem, plan).purchases
        self.minutes = [0] * problem.days
        for slot, dish in enumerate(plan):
            if dish != OPEN:
                self.minutes[problem.day(slot)] += problem.dishes[dish].minutes

    def blockers(self, dish: int, slot: int) -> frozenset[Rule] | None:
        """The rules that each alone keep a dish out of a slot; None if it is not for that meal."""
        problem, candidate = self.problem, self.problem.dishes[dish]
        day = problem.day(slot)
        if problem.meal(slot) not in candidate.meals:
            return None
        rules = {Rule(Kind.DIET, problem.diet.index(tag)) for tag in candidate.lacking}
        if candidate.excluded:
            rules.add(Rule(Kind.EXCLUDED, dish))
        own, shared = problem.slot_budgets[slot], problem.day_budgets[day]
        if own is not None and candidate.minutes > own:
            rules.add(Rule(Kind.MEAL_BUDGET, slot))
        if shared is not None and candidate.minutes + self.minutes[day] > shared:
            rules.add(Rule(Kind.DAY_BUDGET, day))
        if self.count[dish] >= problem.max_repeats:
            rules.add(Rule(Kind.REPEATS))
        if problem.max_items is not None and self._purchases_with(dish, day) > problem.max_items:
            rules.add(Rule(Kind.SHOPPING))
        return frozenset(rules)

    def _purchases_with(self, dish: int, day: int) -> int:
        new = {
            self.problem.stocks[stock].item
            for stock, quantity in self.problem.dishes[dish].needs
            if self.problem.stocks[stock].item not in self.purchases
            and take(self.problem.stocks[stock], [*self.uses.get(stock, ()), (day, quantity)])[1]
        }
        return len(self.purchases) + len(new)


def _minimal_cover(blocked: Iterable[frozenset[Rule]]) -> tuple[Rule, ...] | None:
    """A minimal set of rules that hits every candidate's blockers; None if some has none."""
    distinct = set(blocked)
    context = z3.Context()
    solver = z3.SolverFor("QF_FD", ctx=context)
    guards = {
        rule: z3.Bool(f"{rule.kind} {rule.subject}", context)
        for rule in sorted({rule for rules in distinct for rule in rules})
    }
    chosen = []
    for number, rules in enumerate(sorted(distinct, key=sorted)):
        candidate = z3.Bool(f"candidate {number}", context)
        chosen.append(candidate)
        for rule in rules:
            solver.add(z3.Implies(guards[rule], z3.Not(candidate)))
    solver.add(z3.Or(chosen) if chosen else z3.BoolVal(val=False, ctx=context))
    return _minimal_core(solver, guards)


def _minimal_core(solver: z3.Solver, guards: dict[Rule, z3.BoolRef]) -> tuple[Rule, ...] | None:
    """A minimal subset of guards that can't all hold, by deletion; None if all can."""
    if solver.check(*guards.values()) != z3.unsat:
        return None
    names = {str(guard): rule for rule, guard in guards.items()}

    def core() -> set[Rule]:
        return {names[str(guard)] for guard in solver.unsat_core()}

    kept = core()
    order = sorted(kept, key=lambda rule: (_DELETION_ORDER.index(rule.kind), rule.subject))
    for rule in order:
        if rule in kept:
            rest = kept - {rule}
            if solver.check(*(guards[other] for other in rest)) == z3.unsat:
                kept = core()
    return tuple(sorted(kept))


class _LockedMeals:
    """The locked dishes in the slots of their days, as pseudo-Boolean constraints in Z3."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.context = z3.Context()
        self.solver = z3.SimpleSolver(ctx=self.context)  # quantities are too large for QF_FD
        self.guards: dict[Rule, z3.BoolRef] = {}
        width = len(problem.meals)
        self.cooked = {
            (lock.dish, slot): z3.Bool(f"cook {lock.dish} {slot}", self.context)
            for lock in problem.locks
            for slot in range(lock.day * width, (lock.day + 1) * width)
            if problem.meal(slot) in problem.dishes[lock.dish].meals
        }
        self._add_locks()
        self._add_dish_rules()
        self._add_budgets()
        if problem.max_items is not None:
            self._add_shopping(problem.max_items)

    def pins(self) -> dict[int, int] | None:
        """A dish for each slot that satisfies every rule."""
        if self.solver.check(*self.guards.values()) != z3.sat:
            return None
        model = self.solver.model()
        true = {cell for cell, literal in self.cooked.items() if z3.is_true(model.eval(literal))}
        width = len(self.problem.meals)
        pins: dict[int, int] = {}
        for lock in self.problem.locks:  # a dish may also stand in slots no lock asks for
            slots = range(lock.day * width, (lock.day + 1) * width)
            held = [
                slot
                for slot in slots
                if (lock.dish, slot) in true and lock.meal in (None, self.problem.meal(slot))
            ]
            if not any(pins.get(slot) == lock.dish for slot in held):
                pins[held[0]] = lock.dish
        return pins

    def conflicts(self, known: set[Rule]) -> list[tuple[Rule, ...]]:
        """Minimal conflicts with no rule in common, none of them `known`, until none is left."""
        found: list[tuple[Rule, ...]] = []
        guards = {rule: guard for rule, guard in self.guards.items() if rule not in known}
        while len(found) < _MOST_CONFLICTS and (core := _minimal_core(self.solver, guards)):
            found.append(core)
            for rule in core:
                del guards[rule]
        return found

    def _guard(self, rule: Rule) -> z3.BoolRef:
        return self.guards.setdefault(rule, z3.Bool(f"{rule.kind} {rule.subject}", self.context))

    def _under(self, rule: Rule, constraint: z3.BoolRef) -> None:
        self.solver.add(z3.Implies(self._guard(rule), constraint))

    def _any(self, literals: Sequence[z3.BoolRef]) -> z3.BoolRef:
        return z3.Or(*literals) if literals else z3.BoolVal(val=False, ctx=self.context)

    def _add_locks(self) -> None:
        problem = self.problem
        for number, lock in enumerate(problem.locks):
            options = [
                literal
                for (dish, slot), literal in self.cooked.items()
                if dish == lock.dish
                and problem.day(slot) == lock.day
                and lock.meal in (None, problem.meal(slot))
            ]
            self._under(Rule(Kind.LOCK, number), self._any(options))
        by_slot: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (_, slot), literal in self.cooked.items():
            by_slot[slot].append(literal)
        for literals in by_slot.values():
            self.solver.add(z3.PbLe([(literal, 1) for literal in literals], 1))

    def _add_dish_rules(self) -> None:
        problem = self.problem
        by_dish: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (dish, _), literal in self.cooked.items():
            by_dish[dish].append(literal)
        for dish, literals in by_dish.items():
            never = z3.Not(self._any(literals))
            if problem.dishes[dish].excluded:
                self._under(Rule(Kind.EXCLUDED, dish), never)
            for tag in problem.dishes[dish].lacking:
                self._under(Rule(Kind.DIET, problem.diet.index(tag)), never)
            if len(literals) > problem.max_repeats:
                most = z3.PbLe([(literal, 1) for literal in literals], problem.max_repeats)
                self._under(Rule(Kind.REPEATS), most)

    def _add_budgets(self) -> None:
        problem = self.problem
        by_day: dict[int, list[tuple[z3.BoolRef, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            minutes = problem.dishes[dish].minutes
            by_day[problem.day(slot)].append((literal, minutes))
            own = problem.slot_budgets[slot]
            if own is not None and minutes > own:
                self._under(Rule(Kind.MEAL_BUDGET, slot), z3.Not(literal))
        for day, terms in by_day.items():
            budget = problem.day_budgets[day]
            if budget is not None:
                self._under(Rule(Kind.DAY_BUDGET, day), z3.PbLe(terms, budget))

    def _add_shopping(self, most: int) -> None:
        """Cooking after a day takes what is left by then, or the item is bought."""
        problem = self.problem
        uses: dict[int, list[tuple[z3.BoolRef, int, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            for stock, quantity in problem.dishes[dish].needs:
                uses[stock].append((literal, quantity, problem.day(slot)))
        bought: dict[int, z3.BoolRef] = {}
        for stock, terms in uses.items():
            lots, food = problem.stocks[stock].lots, problem.stocks[stock].item
            item = bought.setdefault(food, z3.Bool(f"buy {food}", self.context))
            for after in (-1, *(lot.expiry for lot in lots)):
                left = sum(lot.quantity for lot in lots if lot.expiry > after)
                late = [(literal, quantity) for literal, quantity, day in terms if day > after]
                self._add_enough(late, left, item)
        if bought:
            self._under(Rule(Kind.SHOPPING), z3.PbLe([(item, 1) for item in bought.values()], most))

    def _add_enough(
        self, late: Sequence[tuple[z3.BoolRef, int]], left: int, item: z3.BoolRef
    ) -> None:
        if sum(quantity for _, quantity in late) <= left:
            return
        small = []
        for literal, quantity in late:
            if quantity > left:
                self.solver.add(z3.Or(z3.Not(literal), item))
            else:
                small.append((literal, quantity))
        if sum(quantity for _, quantity in small) > left:
            zero = z3.IntVal(0, self.context)
            used = z3.Sum(
                [
                    z3.If(literal, z3.IntVal(quantity, self.context), zero)
                    for literal, quantity in small
                ]
            )
            self.solver.add(z3.Or(item, used <= left))
