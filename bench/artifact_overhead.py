"""What recording each answer costs: `python -m bench.artifact_overhead`.

The service and the same without records (unrecorded.py) stand side by side, the load goes to one
and to the other in turns: names seen before, whose answer takes the least work, and new ones.
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

from bench.load_generator import load, settle
from bench.requests import categorize, new_name
from tests.acceptance.service import REPOSITORY, running

#: What builds the service with records, and without.
GRAPHS = {"recorded": "deployments.app:build", "not recorded": "bench.app_without_artifacts:build"}


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.artifact_overhead", description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns of the two")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    kinds = {
        "a name seen before": lambda: categorize("whole milk"),
        "a new name": partial(new_name, random.Random(given.seed)),
    }
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        urls = {}
        for name, graph in GRAPHS.items():
            service = running(
                Path(stack.enter_context(tempfile.TemporaryDirectory())),
                environment={"PYTHONPATH": str(REPOSITORY)},
                change=partial(_serve, graph),
            )
            urls[name] = stack.enter_context(service).url
        settle()
        for _ in range(given.rounds):
            for kind, next_request in kinds.items():
                for name, url in urls.items():
                    one = load(url, next_request, clients=given.clients, seconds=given.seconds)
                    found[kind, name].append(one.per_second)
    print(f"| answers at {given.clients} clients | recorded | not recorded | ratio |")
    print("|---|---|---|---|")
    for kind in kinds:
        recorded, not_recorded = (median(found[kind, name]) for name in urls)
        ratio = recorded / not_recorded
        print(f"| {kind} | {recorded:.0f}/s | {not_recorded:.0f}/s | {ratio:.2f} |")


def _serve(graph: str, config: dict[str, Any]) -> None:
    config["applications"][0]["import_path"] = graph


if __name__ == "__main__":
    main()
