"""Solving one meal plan within its time limit.

1. Z3 decides whether any plan exists, and pins the locked meals or explains the conflict.
2. A greedy plan around the pins, certified by Z3, is available at once.
3. Local search improves it for a fixed number of steps.
4. A linear relaxation, our own cuts and a tree (proof.py) bound the objective of any plan, and
   often find a better one. Every plan is certified before it is accepted.

`optimal` means the bound is reached. Steps 1 to 3 are counted, not timed, so they give the same
plan each time; only a deadline can make two answers differ.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from sidecar.planning import (
    constraint_words,
    explanation,
    milp_solver,
    response_builder,
)
from sidecar.planning.alternatives import alternatives
from sidecar.planning.certificate import certify
from sidecar.planning.compiler import compile_request
from sidecar.planning.feasibility import Feasibility, check_feasibility
from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.proof import Proof
from sidecar.planning.response import Incumbent, PlanAnswer, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess, cookings, count_fed, is_feasible, rescue_points
from sidecar.planning.search_method import SearchMethod, search_method
from sidecar.planning.spreading import spread

Clock = Callable[[], float]
OnIncumbent = Callable[[Incumbent], None]

_STEPS_PER_SLOT = 60
_MIN_STEPS = 300
_MAX_STEPS = 3_000
_ROUND_STEPS = 150  # of each round of local search beside a proof: about a second of a household's
_SEARCH_SHARE = 0.3  # of the time, at most, for local search
_FILL_SHARE = 0.2  # of the remaining time, to prove how many slots can be filled
_PARALLEL_SEARCH_SHARE = 0.2  # the same where local search goes on beside the proof
_FINISH_SHARE = 0.15  # of the time, at most, is reserved for alternatives and explanations
_MIN_FINISH_S = 0.3
_REPORT_INTERVAL_S = 0.25
_MAX_PROGRAM_SIZE = 60_000  # dishes times slots; a larger program takes too long to be useful


def solve(
    request: PlanRequest,
    *,
    clock: Clock,
    on_incumbent: OnIncumbent | None = None,
    idle_core: bool = False,
) -> PlanAnswer:
    """Return the best plan found within request.timeout_ms with a bound, or the conflicts.

    `clock` returns monotonic seconds; `on_incumbent` receives each better certified plan or bound.
    With an `idle_core`, a second thread works on it.
    """
    started = clock()
    problem = compile_request(request)
    feasibility = check_feasibility(problem)
    if feasibility.pins is None:
        return _infeasible(problem, feasibility, _milliseconds(clock() - started))
    seconds = request.timeout_ms / 1_000
    solver = _Solver(problem, feasibility.pins, clock, on_incumbent, started, seconds, idle_core)
    solver.run()
    return _answer(solver, request)


class _Solver:
    """The best certified plan so far, and what is proven about every plan."""

    def __init__(
        self,
        problem: Problem,
        pins: dict[int, int],
        clock: Clock,
        on_incumbent: OnIncumbent | None,
        started: float,
        seconds: float,
        idle_core: bool,
    ) -> None:
        self.idle_core = idle_core
        self.problem, self.pins, self.clock = problem, pins, clock
        self.on_incumbent = on_incumbent
        self.started, self.seconds, self.last_report = started, seconds, started
        self.method = search_method(problem)
        self.best: Plan = (OPEN,) * len(problem.slots)
        self.objective = 0
        self.bound = _trivial_bound(self.method)
        # Counted as often as people eat there.
        self.max_meals = sum(problem.diners(slot) for slot in {*self.method.best_points, *pins})

    @property
    def proven(self) -> bool:
        return self.fed == self.max_meals and self.objective >= self.bound

    @property
    def fed(self) -> int:
        return count_fed(self.problem, self.best)

    def run(self) -> None:
        self.offer(tuple(self.method.construct(self.pins).plan))
        # The time of the first plan predicts how long finishing takes on this machine now.
        finish = min(_FINISH_SHARE * self.seconds, _MIN_FINISH_S + self.clock() - self.started)
        deadline = self.started + self.seconds - finish
        beside = self.idle_core and not self.problem.is_simple
        share = _PARALLEL_SEARCH_SHARE if beside else _SEARCH_SHARE
        self._improve(self.started + self.seconds * share, seed=0)
        if self.fed < self.max_meals:
            self._fill((deadline - self.clock()) * _FILL_SHARE)
        self._prove(deadline)
        if not self.proven:  # probably the program was too large, so the search goes on
            self._improve(deadline, seed=1)
        self._spread_repeats()

    def offer(self, plan: Plan) -> None:
        """Accept a plan as the best one if it is better, feasible and certified."""
        assessment = assess(self.problem, plan)
        rank = (count_fed(self.problem, plan), assessment.objective)
        if rank <= (self.fed, self.objective) and self.fed:
            return
        if not is_feasible(self.problem, plan) or not certify(self.problem, plan, assessment):
            return
        self._accept(plan)
        self._report()

    def _accept(self, plan: Plan) -> None:
        self.best, self.objective = plan, assess(self.problem, plan).objective
        self.pins = {
            slot: lock.dish
            for lock in self.problem.locks
            for slot in self.problem.lock_slots(lock)
            if plan[slot] == lock.dish
        }

    def _spread_repeats(self) -> None:
        end = self.started + self.seconds
        plan = spread(self.problem, self.best, lambda: self.clock() > end)
        if plan != self.best and certify(self.problem, plan, assess(self.problem, plan)):
            self._accept(plan)

    def _improve(self, until: float, seed: int) -> None:
        steps = min(_MAX_STEPS, max(_MIN_STEPS, _STEPS_PER_SLOT * len(self.problem.slots)))
        newest = self.best
        found = self.method.improve(self.best, self.pins, steps, lambda: self.clock() > until, seed)
        for plan in found:
            newest = plan
            if self.clock() - self.last_report > _REPORT_INTERVAL_S:
                self.offer(newest)
        self.offer(newest)

    def _fill(self, seconds: float) -> None:
        weights = [self.problem.diners(slot) for slot in self.problem.slots]
        result = milp_solver.most_meals(self.method.build(0), weights, seconds)
        if result.bound is not None:
            self.max_meals = min(self.max_meals, result.bound)
        if result.plan is not None and count_fed(self.problem, result.plan) > self.fed:
            self.offer(result.plan)
            self._improve(self.started + self.seconds * _SEARCH_SHARE, seed=0)

    def _prove(self, deadline: float) -> None:
        if self.method.size > _MAX_PROGRAM_SIZE or self.clock() >= deadline:
            return
        program = self.method.build(self.fed)
        beside = self.idle_core and program.is_large
        proof = Proof(
            program,
            self.objective,
            lambda: deadline - self.clock(),
            (lambda bound: None) if beside else self._lower_bound,
            idle_core=self.idle_core,
        )
        newest = self._search_beside(proof) if beside else self.best
        if not beside:
            proof.run()
        if proof.plan is not None:
            self.offer(proof.plan)
        if not proof.complete:
            self.offer(newest)
        if proof.bound is not None:
            self._lower_bound(max(proof.bound, self.objective))

    def _search_beside(self, proof: Proof) -> Plan:
        """Run a proof on the idle core and local search on this one; return the newest plan.

        That counts only if there is no proof, since it depends on when the proof came.
        """
        newest, steps = self.best, 0
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(proof.run)

            def stop() -> bool:
                nonlocal steps
                steps += 1
                if proof.bound is not None:
                    self._lower_bound(proof.bound)
                return proof.searches or running.done()

            for seed in count(1):
                before = steps
                for plan in self.method.improve(newest, self.pins, _ROUND_STEPS, stop, seed):
                    newest = plan
                if steps == before or stop():  # nothing is free to change, or it is time
                    break
            running.result()
        return newest

    def _lower_bound(self, bound: int) -> None:
        if bound < self.bound:
            self.bound = max(bound, self.objective)
            self._report()

    def _report(self) -> None:
        self.last_report = self.clock()
        if self.on_incumbent is not None:
            self.on_incumbent(
                Incumbent(
                    elapsed_ms=_milliseconds(self.last_report - self.started),
                    meals=len(cookings(self.problem, self.best)),
                    objective=self.objective,
                    bound=self.bound,
                    gap=self.bound - self.objective,
                )
            )


def _answer(solver: _Solver, request: PlanRequest) -> PlanAnswer:
    problem, deadline = solver.problem, solver.started + solver.seconds
    others = alternatives(
        solver.method,
        solver.best,
        solver.pins,
        request.alternatives,
        request.alternatives_distance,
        lambda: solver.clock() > deadline,
    )
    for other in others:  # without a proof, one of them may be better than the best so far
        solver.offer(other)
    plan = solver.best
    assessment = assess(problem, plan)
    metrics = response_builder.metrics(problem, plan, assessment)
    certified = [
        other
        for other in others
        if other != plan
        and is_feasible(problem, other)
        and certify(problem, other, assess(problem, other))
    ]
    return PlanAnswer(
        status=Status.OPTIMAL if solver.proven else Status.TIMEOUT,
        solve_time_ms=_milliseconds(solver.clock() - solver.started),
        objective=solver.objective,
        bound=solver.bound,
        gap=solver.bound - solver.objective,
        points_per_purchase=problem.weights.purchase,
        most_meals=solver.max_meals,
        meal_plan=response_builder.meals(problem, plan),
        open_slots=explanation.open_slots(problem, plan),
        shopping_list=response_builder.shopping_list(problem, plan, assessment),
        metrics=metrics,
        explanation=explanation.explain(problem, plan, assessment, metrics),
        alternatives=tuple(response_builder.alternative(problem, other) for other in certified),
        warnings=problem.warnings,
        excluded=response_builder.excluded_recipes(problem),
        nutrition=response_builder.nutrition(problem, plan),
        nutrition_estimates=response_builder.nutrition_estimates(problem, plan),
    )


def _infeasible(problem: Problem, feasibility: Feasibility, milliseconds: float) -> PlanAnswer:
    sets = tuple(
        constraint_words.conflict_set(problem, conflict) for conflict in feasibility.conflicts
    )
    return PlanAnswer(
        status=Status.INFEASIBLE,
        solve_time_ms=milliseconds,
        points_per_purchase=problem.weights.purchase,
        conflicts=tuple(constraint_words.conflict_sentence(conflict) for conflict in sets),
        conflict_sets=sets,
        warnings=problem.warnings,
        excluded=response_builder.excluded_recipes(problem),
    )


def _trivial_bound(method: SearchMethod) -> int:
    """Return a bound without solving: each slot's best meal, all food rescued, every cuisine."""
    problem = method.problem
    meals = sum(max(0.0, points) for points in method.best_points.values())
    rescued = sum(
        rescue_points(stock, [lot.quantity for lot in stock.lots]) for stock in problem.stocks
    )
    cuisines = {dish.cuisine for dish in problem.dishes} - {None}
    return int(meals + rescued) + problem.weights.cuisine * len(cuisines)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 1)
