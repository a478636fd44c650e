"""Pages of callers' files as JPEGs, rendered in processes of their own with limits."""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Final

from sidecar.core.errors import DeadlineExceeded, InvalidImage, from_code
from sidecar.core.settings import Settings
from sidecar.receipts.pages.decode import ImageLimits

#: Processes at a time; others wait.
_PROCESSES: Final = 2
_TIMEOUT_S: Final = 30.0
_MODULE: Final = "sidecar.receipts.pages.page_image"


class PageImages:
    """Renders pages for browsers, which can't show every format nor any page but the first."""

    def __init__(self, settings: Settings) -> None:
        self._memory_bytes = settings.job.memory_bytes
        self._limits = json.dumps(asdict(ImageLimits.configured(settings)))
        self._processes = asyncio.Semaphore(_PROCESSES)

    async def render(self, data: bytes, page: int) -> bytes:
        """Return a page of the file as a JPEG; `page` counts from 0.

        Raises:
            NotFound: when there is no such page.
            InvalidImage: when rendering it exceeds the limits of memory or CPU time.
            DeadlineExceeded: when it takes more than 30 s.
            ServiceError: what is wrong with the file.
        """
        async with self._processes:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                str(page),
                str(self._memory_bytes),
                self._limits,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    output, _ = await process.communicate(data)
            except TimeoutError as error:
                raise DeadlineExceeded("The page took too long to draw.") from error
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 0:
            return output
        try:
            problem = json.loads(output)
        except ValueError as error:
            raise InvalidImage("The page can't be drawn.") from error
        raise from_code(problem["code"], problem["message"])
