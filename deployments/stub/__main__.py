"""Run the stub: python -m deployments.stub --port 8000."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import uvicorn

from deployments.stub.app import stub_app
from sidecar.core.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deployments.stub", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sidecar-stub-") as folder:
        asyncio.run(_serve(arguments.host, arguments.port, Path(folder)))


async def _serve(host: str, port: int, folder: Path) -> None:
    # What the environment sets holds, such as a webhook's secret; only the data are thrown away.
    async with stub_app(Settings(data_dir=folder, database_url="")) as app:
        await uvicorn.Server(uvicorn.Config(app, host=host, port=port, lifespan="off")).serve()


if __name__ == "__main__":
    main()
