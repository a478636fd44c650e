"""The locked meals as a Z3 model: which dish takes which slot, and which constraints conflict."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import z3

from sidecar.planning.nutrition import amount
from sidecar.planning.problem import Lock, Problem
from sidecar.planning.unsat_cores import ConstraintKind, UserConstraint, minimal_core


class LockedMealsModel:
    """The locked dishes in the slots of their days, as pseudo-Boolean constraints in Z3."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.context = z3.Context()
        self.solver = z3.SimpleSolver(ctx=self.context)  # quantities are too large for QF_FD
        self.guards: dict[UserConstraint, z3.BoolRef] = {}
        self.cooked = {
            (lock.dish, slot): z3.Bool(f"cook {lock.dish} {slot}", self.context)
            for lock in problem.locks
            for slot in problem.day_slots(lock.day)
            if problem.suits(lock.dish, slot)
        }
        self._add_locks()
        self._add_pigeonhole_constraints()
        self._add_dish_constraints()
        self._add_budgets()
        self._add_slot_constraints()
        self._add_nutrition()
        if problem.max_items is not None:
            self._add_shopping_limit(problem.max_items)
        if problem.budget is not None:
            self._add_cost_limit(problem.budget)

    def pins(self) -> dict[int, int] | None:
        """Return the locked dishes by slot such that every constraint holds, None if impossible."""
        if self.solver.check(*self.guards.values()) != z3.sat:
            return None
        model = self.solver.model()
        true = {key for key, literal in self.cooked.items() if z3.is_true(model.eval(literal))}
        pins: dict[int, int] = {}
        for lock in self.problem.locks:  # the model may also cook a dish in slots without a lock
            slots = [slot for slot in self._options(lock) if (lock.dish, slot) in true]
            if not any(pins.get(slot) == lock.dish for slot in slots):
                pins[slots[0]] = lock.dish
        return pins

    def conflicts(
        self, excluded: Collection[UserConstraint], limit: int
    ) -> Iterator[tuple[UserConstraint, ...]]:
        """Yield at most `limit` disjoint minimal conflicts without the excluded constraints."""
        guards = {c: guard for c, guard in self.guards.items() if c not in excluded}
        for _ in range(limit):
            if not (core := minimal_core(self.solver, guards)):
                return
            yield core
            for constraint in core:
                del guards[constraint]

    def _guard(self, kind: ConstraintKind, subject: int = 0) -> z3.BoolRef:
        return self.guards.setdefault(
            UserConstraint(kind, subject), z3.Bool(f"{kind} {subject}", self.context)
        )

    def _any(self, literals: Sequence[z3.BoolRef]) -> z3.BoolRef:
        return z3.Or(*literals) if literals else z3.BoolVal(val=False, ctx=self.context)

    def _add_locks(self) -> None:
        for number, lock in enumerate(self.problem.locks):
            options = [self.cooked[lock.dish, slot] for slot in self._options(lock)]
            guard = self._guard(ConstraintKind.LOCK, number)
            self.solver.add(z3.Implies(guard, self._any(options)))
        by_slot: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (_, slot), literal in self.cooked.items():
            by_slot[slot].append(literal)
        for literals in by_slot.values():
            self.solver.add(z3.PbLe([(literal, 1) for literal in literals], 1))

    def _options(self, lock: Lock) -> list[int]:
        """Return the slots that satisfy a lock and whose meal its dish fits."""
        slots = self.problem.lock_slots(lock)
        return [slot for slot in slots if (lock.dish, slot) in self.cooked]

    def _add_pigeonhole_constraints(self) -> None:
        """Allow no more locks than slots, wherever several locks compete for the same slots.

        The other constraints imply this, but resolution needs exponentially long to derive it
        (Haken, "The intractability of resolution", 1985: the pigeonhole principle).
        """
        options: dict[int, frozenset[int]] = {}
        fixed = {(lock.day, lock.dish) for lock in self.problem.locks if lock.meal is not None}
        for number, lock in enumerate(self.problem.locks):
            # A lock of the same dish for one meal of that day also satisfies a lock for any meal.
            if lock.meal is not None or (lock.day, lock.dish) not in fixed:
                options[number] = frozenset(self._options(lock))
        unions: set[frozenset[int]] = set()
        for slots in set(options.values()):
            days = {self.problem.day(slot) for slot in slots}
            unions |= {slots} | {
                slots | other
                for other in unions
                if days == {self.problem.day(slot) for slot in other}
            }
        for union in unions:
            inside = [number for number, slots in options.items() if slots and slots <= union]
            if len(inside) > len(union):
                guards = [(self._guard(ConstraintKind.LOCK, number), 1) for number in inside]
                self.solver.add(z3.PbLe(guards, len(union)))

    def _add_dish_constraints(self) -> None:
        problem = self.problem
        by_dish: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (dish, _), literal in self.cooked.items():
            by_dish[dish].append(literal)
        for dish, literals in by_dish.items():
            never = z3.Not(self._any(literals))
            if problem.dishes[dish].excluded:
                self.solver.add(z3.Implies(self._guard(ConstraintKind.EXCLUDED, dish), never))
            for tag in problem.dishes[dish].lacking:
                guard = self._guard(ConstraintKind.DIET, problem.diet.index(tag))
                self.solver.add(z3.Implies(guard, never))
            for barred in problem.dishes[dish].barred:
                guard = self._guard(ConstraintKind.INGREDIENT, barred.wish)
                self.solver.add(z3.Implies(guard, never))
            if len(literals) > problem.max_repeats:
                limited = z3.PbLe([(literal, 1) for literal in literals], problem.max_repeats)
                self.solver.add(z3.Implies(self._guard(ConstraintKind.REPEATS), limited))

    def _add_budgets(self) -> None:
        problem = self.problem
        by_day: dict[int, list[tuple[z3.BoolRef, int]]] = defaultdict(list)
        by_sitting: dict[int, list[tuple[z3.BoolRef, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            minutes = problem.dishes[dish].minutes
            by_day[problem.day(slot)].append((literal, minutes))
            by_sitting[problem.sitting(slot)].append((literal, minutes))
        for sitting, terms in by_sitting.items():
            budget = problem.sitting_budgets[sitting]
            if budget is not None and sum(minutes for _, minutes in terms) > budget:
                guard = self._guard(ConstraintKind.MEAL_BUDGET, sitting)
                self.solver.add(z3.Implies(guard, z3.PbLe(terms, budget)))
        for day, terms in by_day.items():
            budget = problem.day_budgets[day]
            if budget is not None:
                guard = self._guard(ConstraintKind.DAY_BUDGET, day)
                self.solver.add(z3.Implies(guard, z3.PbLe(terms, budget)))

    def _add_slot_constraints(self) -> None:
        """Add what the people at a slot, recurring meals and the other slots rule out."""
        problem = self.problem
        for (dish, slot), literal in self.cooked.items():
            rules = [
                *((ConstraintKind.WISH, wish) for wish in problem.denials(dish, slot)),
                *((ConstraintKind.HABIT, habit) for habit in problem.broken_habits(dish, slot)),
                *((ConstraintKind.NO_COOKING, time) for time in problem.no_cooking.get(slot, ())),
            ]
            for kind, subject in rules:
                self.solver.add(z3.Implies(self._guard(kind, subject), z3.Not(literal)))
        if problem.is_simple:
            return
        if problem.max_cooking_days is not None and self.cooked:
            by_day: dict[int, list[z3.BoolRef]] = defaultdict(list)
            for (_, slot), literal in self.cooked.items():
                by_day[problem.day(slot)].append(literal)
            days = [(self._any(literals), 1) for literals in by_day.values()]
            guard = self._guard(ConstraintKind.COOKING_DAYS)
            self.solver.add(z3.Implies(guard, z3.PbLe(days, problem.max_cooking_days)))
        by_dish: dict[int, list[int]] = defaultdict(list)
        for dish, slot in self.cooked:
            by_dish[dish].append(slot)
        for dish, slots in by_dish.items():
            for slot, other in combinations(slots, 2):
                both = z3.And(self.cooked[dish, slot], self.cooked[dish, other])
                if problem.sitting(slot) == problem.sitting(other):
                    if problem.service(slot) != problem.service(other):
                        self.solver.add(z3.Not(both))
                elif abs(problem.day(slot) - problem.day(other)) < problem.min_distance:
                    guard = self._guard(ConstraintKind.DISTANCE)
                    self.solver.add(z3.Implies(guard, z3.Not(both)))

    def _add_nutrition(self) -> None:
        """Limit the sums of nutrients, and require them where every meal is locked."""
        at_slot: dict[int, list[tuple[z3.BoolRef, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            at_slot[slot].append((literal, dish))
        zero = z3.RealVal(0, self.context)
        for limit in self.problem.limits:
            slots = [slot for slot in limit.slots if at_slot[slot]]
            if limit.soft or not slots:
                continue
            eaten = z3.Sum(
                [
                    z3.If(literal, self._real(amount(self.problem, limit, dish)), zero)
                    for slot in slots
                    for literal, dish in at_slot[slot]
                ]
            )
            guard = self._guard(ConstraintKind.NUTRITION, limit.bound)
            if limit.maximum is not None:
                self.solver.add(z3.Implies(guard, eaten <= self._real(limit.maximum)))
            if limit.minimum is not None and len(slots) == len(limit.slots):
                some_open = [
                    z3.Not(self._any([literal for literal, _ in at_slot[slot]])) for slot in slots
                ]
                enough = eaten >= self._real(limit.minimum)
                self.solver.add(z3.Implies(guard, z3.Or(enough, *some_open)))

    def _real(self, value: Fraction) -> z3.RatNumRef:
        return z3.RealVal(str(value), self.context)

    def _add_cost_limit(self, budget: Fraction) -> None:
        """What is used after a day beyond what remains by then is bought and paid for."""
        problem = self.problem
        costs = []
        for stock, terms in self._uses().items():
            lots, price = problem.stocks[stock].lots, problem.stocks[stock].price
            if not price:
                continue
            bought = z3.Int(f"bought {stock}", self.context)
            for after in (-1, *(lot.expiry for lot in lots)):
                remaining = sum(lot.quantity for lot in lots if lot.expiry > after)
                late = [
                    z3.If(literal, z3.IntVal(quantity, self.context), z3.IntVal(0, self.context))
                    for literal, quantity, day in terms
                    if day > after
                ]
                if late:
                    self.solver.add(z3.Sum(late) - remaining <= bought)
            self.solver.add(bought >= 0)
            if package := problem.stocks[stock].package:
                count = z3.Int(f"packages {stock}", self.context)
                self.solver.add(bought == count * package)
            costs.append(z3.ToReal(bought) * z3.RealVal(str(price), self.context))
        if costs:
            guard = self._guard(ConstraintKind.COST)
            limit = z3.RealVal(str(budget), self.context)
            self.solver.add(z3.Implies(guard, z3.Sum(costs) <= limit))

    def _uses(self) -> dict[int, list[tuple[z3.BoolRef, int, int]]]:
        """Return (literal, quantity, day) of what may be used of each stock."""
        uses: dict[int, list[tuple[z3.BoolRef, int, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            for stock, quantity in self.problem.needs(dish, slot):
                uses[stock].append((literal, quantity, self.problem.day(slot)))
        return uses

    def _add_shopping_limit(self, limit: int) -> None:
        """Cooking after a day uses at most what remains by then, or the item is bought."""
        problem = self.problem
        bought: dict[int, z3.BoolRef] = {}
        for stock, terms in self._uses().items():
            lots, item = problem.stocks[stock].lots, problem.stocks[stock].item
            is_bought = bought.setdefault(item, z3.Bool(f"buy {item}", self.context))
            for after in (-1, *(lot.expiry for lot in lots)):
                remaining = sum(lot.quantity for lot in lots if lot.expiry > after)
                late = [(literal, quantity) for literal, quantity, day in terms if day > after]
                self._add_knapsack(late, remaining, is_bought)
        if bought:
            total = z3.PbLe([(is_bought, 1) for is_bought in bought.values()], limit)
            self.solver.add(z3.Implies(self._guard(ConstraintKind.SHOPPING), total))

    def _add_knapsack(
        self, uses: Sequence[tuple[z3.BoolRef, int]], capacity: int, is_bought: z3.BoolRef
    ) -> None:
        if sum(quantity for _, quantity in uses) <= capacity:
            return
        small = []
        for literal, quantity in uses:
            if quantity > capacity:
                self.solver.add(z3.Or(z3.Not(literal), is_bought))
            else:
                small.append((literal, quantity))
        if sum(quantity for _, quantity in small) > capacity:
            zero = z3.IntVal(0, self.context)
            used = z3.Sum(
                [
                    z3.If(literal, z3.IntVal(quantity, self.context), zero)
                    for literal, quantity in small
                ]
            )
            self.solver.add(z3.Or(is_bought, used <= capacity))
