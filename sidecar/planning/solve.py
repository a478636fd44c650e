"""One meal plan: decide, construct, improve, prove, explain, within the time asked for.

1. Z3 decides whether any plan exists, and pins the locked meals or explains the conflict.
2. A greedy plan around the pins, certified by Z3, is there at once.
3. Local search improves it for a fixed number of steps.
4. A linear relaxation, cuts of our own and branch-and-cut (HiGHS) bound what any plan can be worth,
   and often find a better one. Whatever they find is believed only once it is certified.

`optimal` means the bound is reached. Steps 1 to 3 are counted, not timed, so they give the same
plan each time; only a deadline that strikes can make two answers differ.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.planning import explanation, milp_model, milp_solver, report
from sidecar.planning.alternatives import alternatives
from sidecar.planning.certificate import certify
from sidecar.planning.feasibility import Feasibility, check_feasibility
from sidecar.planning.local_search import SearchTables, construct, improve, state_of
from sidecar.planning.problem import OPEN, Plan, Problem, compile_request
from sidecar.planning.response import Incumbent, PlanAnswer, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess, filled, permitted

Clock = Callable[[], float]
OnIncumbent = Callable[[Incumbent], None]

_STEPS_A_SLOT = 60
_FEWEST_STEPS = 300
_MOST_STEPS = 3_000
_SEARCH_SHARE = 0.3  # of the time, at most, for local search
_FILL_SHARE = 0.2  # of what is left, for proving how many slots can be filled
_CUT_SHARE = 0.2  # of what is left then, for tightening the relaxation
_FINISH_SHARE = 0.15  # of the time, at most, is kept for alternatives and explanations
_LEAST_FINISH_S = 0.3
_REPORT_EVERY_S = 0.25
_LARGEST_PROGRAM = 60_000  # dishes times slots; beyond, building and relaxing it doesn't pay


def solve(
    request: PlanRequest, *, clock: Clock, on_incumbent: OnIncumbent | None = None
) -> PlanAnswer:
    """The best plan found within request.timeout_ms with a bound, or why there is none.

    `clock` gives seconds that never run backwards; `on_incumbent` hears of each better certified
    plan and of each better bound.
    """
    started = clock()
    problem = compile_request(request)
    verdict = check_feasibility(problem)
    if verdict.pins is None:
        return _infeasible(problem, verdict, _milliseconds(clock() - started))
    seconds = request.timeout_ms / 1_000
    state = _Solve(
        problem=problem,
        pins=verdict.pins,
        clock=clock,
        on_incumbent=on_incumbent,
        started=started,
        seconds=seconds,
    )
    state.find()
    return _answer(state, request.alternatives)


@dataclass
class _Solve:
    """The state of one solve: the best certified plan and what is proven about any."""

    problem: Problem
    pins: dict[int, int]
    clock: Clock
    on_incumbent: OnIncumbent | None
    started: float
    seconds: float
    tables: SearchTables = field(init=False)
    best: Plan = field(init=False)
    objective: int = field(init=False)
    bound: int = field(init=False)
    most_meals: int = field(init=False)
    reported: float = field(init=False)

    def __post_init__(self) -> None:
        self.tables = SearchTables(self.problem)
        self.reported = self.started
        self.best = (OPEN,) * len(self.problem.slots)
        self.objective = 0
        self.bound = _ceiling(self.tables)
        self.most_meals = sum(
            bool(of.dishes.size) or slot in self.pins
            for slot, of in enumerate(self.tables.candidates)
        )

    @property
    def proven(self) -> bool:
        return filled(self.best) == self.most_meals and self.objective >= self.bound

    def find(self) -> None:
        self.take(tuple(construct(self.tables, self.pins).plan))
        # How long the first plan took tells how large the request is for this machine now.
        finish = min(_FINISH_SHARE * self.seconds, _LEAST_FINISH_S + self.clock() - self.started)
        deadline = self.started + self.seconds - finish
        self._improve(self.started + self.seconds * _SEARCH_SHARE, seed=0)
        if filled(self.best) < self.most_meals:
            self._fill((deadline - self.clock()) * _FILL_SHARE)
        self._prove(deadline)
        if not self.proven:  # the program was too large to say much: search on
            self._improve(deadline, seed=1)

    def _improve(self, until: float, seed: int) -> None:
        steps = min(_MOST_STEPS, max(_FEWEST_STEPS, _STEPS_A_SLOT * len(self.problem.slots)))
        newest = self.best
        start = state_of(self.tables, self.best)
        for plan in improve(start, self.pins, steps, lambda: self.clock() > until, seed):
            newest = plan
            if self.clock() - self.reported > _REPORT_EVERY_S:
                self.take(newest)
        self.take(newest)

    def _fill(self, seconds: float) -> None:
        outcome = milp_model.most_meals(self.problem, seconds)
        if outcome.bound is not None:
            self.most_meals = min(self.most_meals, outcome.bound)
        if outcome.plan is not None and filled(outcome.plan) > filled(self.best):
            self.take(outcome.plan)
            self._improve(self.started + self.seconds * _SEARCH_SHARE, seed=0)

    def _prove(self, deadline: float) -> None:
        cells = sum(of.dishes.size for of in self.tables.candidates)
        if cells > _LARGEST_PROGRAM or self.clock() >= deadline:
            return
        model = milp_model.build(self.problem, filled(self.best))
        relaxation = milp_solver.relax(model, (deadline - self.clock()) / 2)
        if relaxation is None:
            return
        self._lower(milp_solver.whole_points(relaxation.bound))
        until = self.clock() + _CUT_SHARE * (deadline - self.clock())
        for stronger in milp_solver.strengthen(model, relaxation, lambda: until - self.clock()):
            model, relaxation = stronger
            self._lower(milp_solver.whole_points(relaxation.bound))
            if self.objective >= self.bound:
                return
        left = deadline - self.clock()
        if self.objective >= self.bound or left <= 0:
            return
        outcome = milp_solver.search(
            milp_solver.tighten(model, relaxation, self.objective + 1), left
        )
        if outcome.plan is not None:
            self.take(outcome.plan)
        if outcome.impossible:  # nothing reaches one point more than the best plan
            self._lower(self.objective)
        elif outcome.bound is not None:
            self._lower(max(outcome.bound, self.objective))

    def _lower(self, bound: int) -> None:
        if bound < self.bound:
            self.bound = max(bound, self.objective)
            self._report()

    def take(self, plan: Plan) -> None:
        """Make a plan the best one if it is better, permitted, and certified."""
        facts = assess(self.problem, plan)
        rank = (filled(plan), facts.points)
        if rank <= (filled(self.best), self.objective) and any(d != OPEN for d in self.best):
            return
        if not permitted(self.problem, plan) or not certify(self.problem, plan, facts):
            return
        self.best, self.objective = plan, facts.points
        self.pins = _pins_in(self.problem, plan)
        self._report()

    def _report(self) -> None:
        self.reported = self.clock()
        if self.on_incumbent is not None:
            self.on_incumbent(
                Incumbent(
                    elapsed_ms=_milliseconds(self.reported - self.started),
                    meals=filled(self.best),
                    objective=self.objective,
                    bound=self.bound,
                    gap=self.bound - self.objective,
                )
            )


def _answer(state: _Solve, most_alternatives: int) -> PlanAnswer:
    problem, deadline = state.problem, state.started + state.seconds
    others = alternatives(
        state.tables, state.best, state.pins, most_alternatives, lambda: state.clock() > deadline
    )
    for other in others:  # short of a proof, one may be better than the best so far
        state.take(other)
    others = [other for other in others if other != state.best]
    plan = state.best
    facts = assess(problem, plan)
    certified = [
        other
        for other in others
        if permitted(problem, other) and certify(problem, other, assess(problem, other))
    ]
    return PlanAnswer(
        status=Status.OPTIMAL if state.proven else Status.TIMEOUT,
        solve_time_ms=_milliseconds(state.clock() - state.started),
        objective=state.objective,
        bound=state.bound,
        gap=state.bound - state.objective,
        points_per_purchase=problem.points.purchase,
        most_meals=state.most_meals,
        meal_plan=report.meals(problem, plan),
        open_slots=explanation.open_slots(problem, plan),
        shopping_list=report.shopping(problem, plan, facts),
        metrics=report.metrics(problem, plan, facts),
        explanation=explanation.explain(problem, plan, facts),
        alternatives=tuple(report.alternative(problem, other) for other in certified),
        warnings=problem.warnings,
    )


def _infeasible(problem: Problem, verdict: Feasibility, milliseconds: float) -> PlanAnswer:
    sets = tuple(explanation.conflict_set(problem, conflict) for conflict in verdict.conflicts)
    return PlanAnswer(
        status=Status.INFEASIBLE,
        solve_time_ms=milliseconds,
        points_per_purchase=problem.points.purchase,
        conflicts=tuple(explanation.conflict_sentence(conflict) for conflict in sets),
        conflict_sets=sets,
        warnings=problem.warnings,
    )


def _ceiling(tables: SearchTables) -> int:
    """A bound that needs no solving: every slot's best meal, all food rescued, every cuisine."""
    problem = tables.problem
    meals = sum(max(0, of.points.max(initial=0)) for of in tables.candidates)
    rescued = sum(
        rate * lot.quantity
        for stock in problem.stocks
        for lot, rate in zip(stock.lots, stock.rates, strict=True)
    )
    cuisines = {dish.cuisine for dish in problem.dishes} - {None}
    return int(meals + rescued) + problem.points.cuisine * len(cuisines)


def _pins_in(problem: Problem, plan: Plan) -> dict[int, int]:
    """Where a plan holds the locked meals."""
    width = len(problem.meals)
    pins: dict[int, int] = {}
    for lock in problem.locks:
        for slot in range(lock.day * width, (lock.day + 1) * width):
            if plan[slot] == lock.dish and lock.meal in (None, problem.meal(slot)):
                pins[slot] = lock.dish
    return pins


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1_000, 1)
