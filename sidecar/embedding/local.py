"""The embedding model as any replica can hold it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sidecar.core.build_cache import INSTALLED
from sidecar.core.settings import Settings
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import load
from sidecar.embedding.model_files import device_of


class LocalModel:
    """The model that the settings name, in this process; one call after the other."""

    def __init__(self, settings: Settings) -> None:
        """Load it. Raises ModelUnavailable."""
        self._model = load(
            settings.embedding_model or None,
            device_of(settings.text_device),
            settings.text_threads,
            [INSTALLED, settings.data_dir / "cache"],
        )
        self._model.embed(["a first pass fills the kernels' caches"])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.name: Final = self._model.name
        self.version: Final = self._model.version
        self.dimension: Final = self._model.dimension

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in order; at least one text."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._model.embed, texts
        )
