"""The default classifier, put together from what is in the package."""

from collections.abc import Sequence
from pathlib import Path

from sidecar.classification.exemplar_store import exemplars
from sidecar.classification.taxonomy_backend import TaxonomyClassifier
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Embed
from sidecar.embedding.model import MULTILINGUAL
from sidecar.text.lexicon import lexicon
from sidecar.text.name_model import name_model
from sidecar.text.taxonomy import names_digest, taxonomy


async def packaged_classifier(
    embed: Embed, embedding_version: str, folders: Sequence[Path] = ()
) -> TaxonomyClassifier:
    """Return the classifier; `embed` returns MULTILINGUAL's vectors of texts without a prompt.

    What isn't stored beside the installation is read from `folders`, or made there.
    """
    ngrams, ngrams_version = name_model()
    return TaxonomyClassifier(
        embed,
        taxonomy(),
        lexicon(*folders),
        ngrams,
        await exemplars(embed, embedding_version, [INSTALL_DIR, *folders]),
        f"lexicon+{MULTILINGUAL}",
        f"{embedding_version}-{ngrams_version}-{names_digest()}",
    )
