"""Benchmark of the planner's quality and speed: `python -m bench.planner [part …]`.

Prints one table per part. Shares and gaps can be compared between machines, seconds can't.
`referee` needs a Python that has ortools (`--referee-python`), see bench/planner_referee.py.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import httpx

from bench.planner_conversions import for_referee, plan_of
from bench.planner_households import family, household
from bench.planner_instances import START, instance, small
from sidecar.planning.certificate import certify
from sidecar.planning.compiler import compile_request
from sidecar.planning.feasibility import check_feasibility
from sidecar.planning.pool import Limits, WorkerPool
from sidecar.planning.response import Incumbent, PlanAnswer, Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess, is_feasible
from sidecar.planning.solve import solve

UNCONSTRAINED: dict[str, Any] = {"diet": 0.0, "budgets": 0.0, "cap": 0.0, "locks": 0}


def main() -> None:
    """Run the parts on the command line, all by default."""
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "first": first_plans,
        "proofs": proofs,
        "certificates": certificates,
        "referee": referee,
        "household_referee": household_referee,
        "households": households,
        "conflicts": conflicts,
        "crowd": crowd,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", default=[])
    parser.add_argument("--seeds", type=int, default=0, help="requests per row (0: the default)")
    parser.add_argument("--sizes", nargs="*", default=[], help="rows to run, e.g. 100x7x1")
    parser.add_argument("--timeout-ms", type=int, default=5_000)
    parser.add_argument("--lone", action="store_true", help="as a lone request, on two cores")
    parser.add_argument("--url", help="a running service for crowd (default: a local pool)")
    parser.add_argument("--referee-python", default=sys.executable)
    options = parser.parse_args()
    # The service's processes warm up in the same way before their first request.
    solve(PlanRequest.model_validate(small(0)), clock=perf_counter)
    for name in options.parts or parts:
        print(f"\n{name}: {(parts[name].__doc__ or '').splitlines()[0]}")
        parts[name](options)


def first_plans(options: argparse.Namespace) -> None:
    """Seconds from a parsed request to the first certified plan with every slot filled."""
    print(f"{'size':>12} {'requests':>9} {'median s':>9} {'worst s':>8} {'not full':>9}")
    for recipes, days, meals, seeds in (
        (100, 7, 3, 10),
        (100, 28, 1, 10),
        (200, 28, 3, 5),
        (1000, 28, 3, 5),
    ):
        times, not_full = [], 0
        for seed in range(options.seeds or seeds):
            # Without constraints and with enough repeats, every slot can be filled.
            repeats = 3 if recipes < 1_000 else 1
            raw = instance(
                seed, recipes, days, meals, **UNCONSTRAINED, timeout_ms=options.timeout_ms
            )
            raw["constraints"]["max_repeats"] = repeats
            incumbents: list[Incumbent] = []
            request = PlanRequest.model_validate(raw)
            solve(request, clock=perf_counter, on_incumbent=incumbents.append)
            full = [i.elapsed_ms for i in incumbents if i.meals == days * meals]
            times.append(full[0] / 1_000 if full else float("inf"))
            not_full += not full
        size = f"{recipes}x{days}x{meals}"
        print(f"{size:>12} {len(times):>9} {median(times):>9.2f} {max(times):>8.2f} {not_full:>9}")


def proofs(options: argparse.Namespace) -> None:
    """Share of plans proven optimal within the time limit, and the gaps of the others."""
    print(
        f"{'size':>12} {'requests':>9} {'proven':>7} {'median s':>9} {'worst s':>8} "
        f"{'median gap':>11} {'worst gap':>10}   (gaps in purchases)"
    )
    rows = (
        (30, 7, 1, 50),
        (60, 7, 1, 40),
        (100, 7, 1, 40),
        (100, 14, 1, 30),
        (100, 7, 3, 15),
        (100, 28, 1, 15),
    )
    for recipes, days, meals, seeds in rows:
        size = f"{recipes}x{days}x{meals}"
        if options.sizes and size not in options.sizes:
            continue
        answers: list[PlanAnswer] = []
        times = []
        for seed in range(options.seeds or seeds):
            raw = instance(seed, recipes, days, meals, timeout_ms=options.timeout_ms)
            started = perf_counter()
            answers.append(
                solve(PlanRequest.model_validate(raw), clock=perf_counter, idle_core=options.lone)
            )
            times.append(perf_counter() - started)
        proven = sum(answer.status is not Status.TIMEOUT for answer in answers)
        gaps = [(answer.gap or 0) / answer.points_per_purchase for answer in answers]
        print(
            f"{size:>12} {len(answers):>9} {proven / len(answers):>7.0%} {median(times):>9.2f} "
            f"{max(times):>8.2f} {median(gaps):>11.2f} {max(gaps):>10.2f}",
            flush=True,
        )


def certificates(options: argparse.Namespace) -> None:
    """Plans of small requests that fail the certificate or a constraint. 0 is expected."""
    plans = rejected = 0
    for number in range(options.seeds or 1_750):
        seed, make = number // 2, household if number % 2 else small
        request = PlanRequest.model_validate(make(seed, alternatives=5, timeout_ms=1_000))
        problem = compile_request(request)
        answer = solve(request, clock=perf_counter)
        if answer.status is Status.INFEASIBLE:
            continue
        for meals in (answer.meal_plan, *(other.meal_plan for other in answer.alternatives)):
            plan = plan_of(problem, meals)
            plans += 1
            rejected += not (
                is_feasible(problem, plan) and certify(problem, plan, assess(problem, plan))
            )
    print(f"{plans} plans, {rejected} rejected")


def referee(options: argparse.Namespace) -> None:
    """Disagreements with CP-SAT on small requests with any kind of constraint."""
    _judge(options, small)


def household_referee(options: argparse.Namespace) -> None:
    """Disagreements with CP-SAT on small requests of households with any kind of constraint."""
    _judge(options, household)


def _judge(options: argparse.Namespace, make: Callable[..., dict[str, Any]]) -> None:
    problems, answers = [], []
    for seed in range(options.seeds or 200):
        request = PlanRequest.model_validate(make(seed, timeout_ms=10_000))
        problems.append(for_referee(compile_request(request)))
        answers.append(solve(request, clock=perf_counter))
    run = subprocess.run(
        [options.referee_python, str(Path(__file__).with_name("planner_referee.py"))],
        input=json.dumps(problems),
        capture_output=True,
        text=True,
        check=True,
    )
    disagreements = unproven = infeasible = 0
    for seed, (answer, optimum) in enumerate(zip(answers, json.loads(run.stdout), strict=True)):
        infeasible += optimum is None
        unproven += answer.status is Status.TIMEOUT
        if optimum is None or answer.objective is None:
            agree = optimum is None and answer.objective is None
        else:
            # The planner rounds points down, the referee rates, and costs to a millionth.
            fed = sum(max(1, len(meal.feeds)) for meal in answer.meal_plan)
            agree = fed == optimum[0] and (
                answer.objective - 0.01 <= optimum[1] < answer.objective + 1.01
            )
        if not agree:
            disagreements += 1
            print(f"  seed {seed}: {answer.status} {answer.objective} against {optimum}")
    print(
        f"{len(answers)} requests, {infeasible} of them infeasible: "
        f"{disagreements} disagreements, {unproven} unproven"
    )


def households(options: argparse.Namespace) -> None:
    """Four people, leftovers, nutrition and a budget, 60 recipes x 7 days x 2 meals."""
    firsts, fed, gaps, shares, spans = [], [], [], [], []
    for seed in range(options.seeds or 20):
        raw = family(seed, timeout_ms=options.timeout_ms)
        incumbents: list[Incumbent] = []
        started = perf_counter()
        answer = solve(
            PlanRequest.model_validate(raw),
            clock=perf_counter,
            on_incumbent=incumbents.append,
            idle_core=options.lone,
        )
        spans.append(perf_counter() - started)
        if answer.objective is None:
            continue
        firsts.append(incumbents[0].elapsed_ms / 1_000)
        fed.append(sum(len(m.feeds) for m in answer.meal_plan) / (answer.most_meals or 1))
        gaps.append((answer.gap or 0) / answer.points_per_purchase)
        shares.append((answer.gap or 0) / max(1, abs(answer.objective)))
    print(f"{len(firsts)} feasible requests; first certified plan: median {median(firsts):.2f} s, ")
    print(
        f"worst {max(firsts):.2f} s; fed {min(fed):.0%} at least, {median(fed):.0%} in the median"
    )
    print(f"gap in purchases: median {median(gaps):.1f}, worst {max(gaps):.1f}; ", end="")
    print(f"of the objective: median {median(shares):.0%}, worst {max(shares):.0%}")
    print(f"seconds in all: median {median(spans):.2f}, worst {max(spans):.2f}")


def conflicts(options: argparse.Namespace) -> None:
    """Seconds to a minimal conflict at 100 recipes x 7 days x 3 meals."""
    times: list[float] = []
    sizes: list[int] = []
    for seed in range(options.seeds or 20):
        raw = instance(seed, 100, 7, 3, locks=0)
        recipes = sorted(raw["recipes"], key=lambda r: r["prep_time"] + r["cook_time"])
        day = START.isoformat()
        constraints = raw["constraints"]
        constraints["locked_meals"] = [
            {"date": day, "recipe_id": recipe["id"]} for recipe in recipes[-3:]
        ]
        constraints["time_budgets"] = {day: 100}
        constraints["max_shopping_items"] = 12
        started = perf_counter()
        feasibility = check_feasibility(compile_request(PlanRequest.model_validate(raw)))
        times.append(perf_counter() - started)
        sizes.extend(len(conflict.constraints) for conflict in feasibility.conflicts)
    print(f"{len(times)} requests, {len(sizes)} conflicts of {min(sizes)}-{max(sizes)} constraints")
    print(f"median {median(times):.2f} s, worst {max(times):.2f} s")


def crowd(options: argparse.Namespace) -> None:
    """Four concurrent requests: seconds over their timeout."""

    async def run(answer: Callable[[dict[str, Any]], Awaitable[object]]) -> list[float]:
        async def overtime(seed: int) -> float:
            raw = instance(seed, 100, 7, 3, timeout_ms=options.timeout_ms, alternatives=5)
            started = perf_counter()
            await answer(raw)
            return perf_counter() - started - options.timeout_ms / 1_000

        seconds: list[float] = []
        for batch in range(options.seeds or 3):
            seconds += await asyncio.gather(*(overtime(4 * batch + seed) for seed in range(4)))
        return seconds

    async def through_http() -> list[float]:
        async with httpx.AsyncClient(base_url=options.url, timeout=60) as client:

            async def answer(raw: dict[str, Any]) -> None:
                body = {"tenant_id": "bench", "payload": raw}
                (await client.post("/api/v1/optimize/meal-plan", json=body)).raise_for_status()

            return await run(answer)

    async def through_the_pool() -> list[float]:
        async with WorkerPool(Limits(workers=4)) as pool:
            return await run(lambda raw: pool.run(PlanRequest.model_validate(raw)))

    seconds = asyncio.run(through_http() if options.url else through_the_pool())
    print(f"{len(seconds)} requests, median {median(seconds):+.2f} s, worst {max(seconds):+.2f} s")


if __name__ == "__main__":
    main()
