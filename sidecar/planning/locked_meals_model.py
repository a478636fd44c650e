"""The locked dishes in the slots of their days, as pseudo-Boolean constraints in Z3."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import z3

from sidecar.planning.problem import Lock, Problem
from sidecar.planning.unsat_cores import ConstraintKind, UserConstraint, minimal_core


class LockedMeals:
    """The locked dishes in the slots of their days, as pseudo-Boolean constraints in Z3."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.context = z3.Context()
        self.solver = z3.SimpleSolver(ctx=self.context)  # quantities are too large for QF_FD
        self.guards: dict[UserConstraint, z3.BoolRef] = {}
        width = len(problem.meals)
        self.cooked = {
            (lock.dish, slot): z3.Bool(f"cook {lock.dish} {slot}", self.context)
            for lock in problem.locks
            for slot in range(lock.day * width, (lock.day + 1) * width)
            if problem.meal(slot) in problem.dishes[lock.dish].meals
        }
        self._add_locks()
        self._add_crowding()
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

    def conflicts(
        self, known: Collection[UserConstraint], most: int
    ) -> Iterator[tuple[UserConstraint, ...]]:
        """Up to `most` minimal conflicts with no rule in common and none of the `known` ones."""
        guards = {rule: guard for rule, guard in self.guards.items() if rule not in known}
        for _ in range(most):
            if not (core := minimal_core(self.solver, guards)):
                return
            yield core
            for rule in core:
                del guards[rule]

    def _guard(self, rule: UserConstraint) -> z3.BoolRef:
        return self.guards.setdefault(rule, z3.Bool(f"{rule.kind} {rule.subject}", self.context))

    def _under(self, rule: UserConstraint, constraint: z3.BoolRef) -> None:
        self.solver.add(z3.Implies(self._guard(rule), constraint))

    def _any(self, literals: Sequence[z3.BoolRef]) -> z3.BoolRef:
        return z3.Or(*literals) if literals else z3.BoolVal(val=False, ctx=self.context)

    def _add_locks(self) -> None:
        for number, lock in enumerate(self.problem.locks):
            options = [self.cooked[lock.dish, slot] for slot in self._options(lock)]
            self._under(UserConstraint(ConstraintKind.LOCK, number), self._any(options))
        by_slot: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (_, slot), literal in self.cooked.items():
            by_slot[slot].append(literal)
        for literals in by_slot.values():
            self.solver.add(z3.PbLe([(literal, 1) for literal in literals], 1))

    def _options(self, lock: Lock) -> list[int]:
        """The slots that would do for a lock as far as the meals go."""
        width = len(self.problem.meals)
        return [
            slot
            for slot in range(lock.day * width, (lock.day + 1) * width)
            if (lock.dish, slot) in self.cooked and lock.meal in (None, self.problem.meal(slot))
        ]

    def _add_crowding(self) -> None:
        """No more locks than slots, wherever several compete for the same ones.

        That follows from the rest, but resolution needs exponentially long to see it (Haken, "The
        intractability of resolution", 1985: the pigeonhole principle).
        """
        options: dict[int, frozenset[int]] = {}
        settled = {(lock.day, lock.dish) for lock in self.problem.locks if lock.meal is not None}
        for number, lock in enumerate(self.problem.locks):
            # The same dish locked for a meal of that day serves for any meal of it too.
            if lock.meal is not None or (lock.day, lock.dish) not in settled:
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
            held = [number for number, slots in options.items() if slots and slots <= union]
            if len(held) > len(union):
                guards = [
                    (self._guard(UserConstraint(ConstraintKind.LOCK, number)), 1) for number in held
                ]
                self.solver.add(z3.PbLe(guards, len(union)))

    def _add_dish_rules(self) -> None:
        problem = self.problem
        by_dish: dict[int, list[z3.BoolRef]] = defaultdict(list)
        for (dish, _), literal in self.cooked.items():
            by_dish[dish].append(literal)
        for dish, literals in by_dish.items():
            never = z3.Not(self._any(literals))
            if problem.dishes[dish].excluded:
                self._under(UserConstraint(ConstraintKind.EXCLUDED, dish), never)
            for tag in problem.dishes[dish].lacking:
                self._under(UserConstraint(ConstraintKind.DIET, problem.diet.index(tag)), never)
            if len(literals) > problem.max_repeats:
                most = z3.PbLe([(literal, 1) for literal in literals], problem.max_repeats)
                self._under(UserConstraint(ConstraintKind.REPEATS), most)

    def _add_budgets(self) -> None:
        problem = self.problem
        by_day: dict[int, list[tuple[z3.BoolRef, int]]] = defaultdict(list)
        for (dish, slot), literal in self.cooked.items():
            minutes = problem.dishes[dish].minutes
            by_day[problem.day(slot)].append((literal, minutes))
            own = problem.slot_budgets[slot]
            if own is not None and minutes > own:
                self._under(UserConstraint(ConstraintKind.MEAL_BUDGET, slot), z3.Not(literal))
        for day, terms in by_day.items():
            budget = problem.day_budgets[day]
            if budget is not None:
                self._under(UserConstraint(ConstraintKind.DAY_BUDGET, day), z3.PbLe(terms, budget))

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
            self._under(
                UserConstraint(ConstraintKind.SHOPPING),
                z3.PbLe([(item, 1) for item in bought.values()], most),
            )

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
