"""Measures the cost of one artifact per response: `python -m bench.artifact_overhead`.

The service and the same service without artifacts (app_without_artifacts.py) run side by side and
are loaded in turns, with names seen before, whose responses take the least work, and new names.
"""

import argparse
import random
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.load_generator import load, wait_until_idle
from bench.requests import categorize, new_name
from tests.acceptance.service import REPOSITORY, running

#: Import paths of the graphs that are compared.
GRAPHS = {"recorded": "deployments.app:build", "not recorded": "bench.app_without_artifacts:build"}


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.artifact_overhead", description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each service")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    requests = {
        "a name seen before": lambda: categorize("whole milk"),
        "a new name": partial(new_name, random.Random(options.seed)),
    }
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        urls = {}
        for name, graph in GRAPHS.items():
            service = running(
                Path(stack.enter_context(tempfile.TemporaryDirectory())),
                environment={"PYTHONPATH": str(REPOSITORY)},
                change=partial(_set_graph, graph),
            )
            urls[name] = stack.enter_context(service).url
        wait_until_idle()
        for _ in range(options.rounds):
            for request, next_request in requests.items():
                for name, url in urls.items():
                    result = load(
                        url, next_request, clients=options.clients, seconds=options.seconds
                    )
                    rates[request, name].append(result.per_second)
    print(f"| responses at {options.clients} clients | recorded | not recorded | ratio |")
    print("|---|---|---|---|")
    for request in requests:
        recorded, not_recorded = (median(rates[request, name]) for name in urls)
        ratio = recorded / not_recorded
        print(f"| {request} | {recorded:.0f}/s | {not_recorded:.0f}/s | {ratio:.2f} |")


def _set_graph(graph: str, config: dict[str, Any]) -> None:
    config["applications"][0]["import_path"] = graph


if __name__ == "__main__":
    main()
