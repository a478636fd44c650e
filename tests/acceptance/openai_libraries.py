"""LangChain and LiteLLM, each call in a process of its own: they close no connections.

python -m tests.acceptance.openai_libraries FUNCTION URL MODEL TEXT...   prints the result in JSON
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.acceptance.service import REPOSITORY

TENANT = {"x-tenant-id": "acceptance"}
PRICE_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_price",
        "parameters": {
            "type": "object",
            "properties": {"item": {"type": "string", "maxLength": 12}},
            "required": ["item"],
            "additionalProperties": False,
        },
    },
}


def call(function: str, url: str, model: str, *texts: str) -> Any:
    """Return the result of a function of this module, run in another process."""
    process = subprocess.run(
        [sys.executable, "-m", __name__, function, url, model, *texts],
        cwd=REPOSITORY,
        # LiteLLM would fetch a list of prices when it is imported.
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def langchain_embeds(url: str, model: str, *texts: str) -> Sequence[Sequence[float]]:
    from langchain_openai import OpenAIEmbeddings

    embeddings = OpenAIEmbeddings(
        model=model,
        base_url=url,
        api_key="none",  # type: ignore[arg-type]
        check_embedding_ctx_length=False,
    )
    return [*embeddings.embed_documents(list(texts)), embeddings.embed_query(texts[0])]


def langchain_streams_a_tool_call(url: str, model: str, question: str) -> Any:
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(
        model=model,
        base_url=url,
        api_key="none",  # type: ignore[arg-type]
        default_headers=TENANT,
        temperature=0,
        max_completion_tokens=60,
    ).bind_tools([PRICE_TOOL], tool_choice="required")
    whole: Any = None
    for chunk in chat.stream(question):
        whole = chunk if whole is None else whole + chunk
    return whole.tool_calls


def litellm_embeds(url: str, model: str, *texts: str) -> Any:
    import litellm

    response = litellm.embedding(
        model=f"openai/{model}",
        input=list(texts),
        api_base=url,
        api_key="none",
        encoding_format="float",
    )
    return [entry["embedding"] for entry in response.data]


def litellm_chats(url: str, model: str, question: str) -> Any:
    import litellm

    response = litellm.completion(
        model=f"openai/{model}",
        messages=[{"role": "user", "content": question}],
        api_base=url,
        api_key="none",
        extra_headers=TENANT,
        max_tokens=20,
        temperature=0,
    )
    return response.choices[0].message.content


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))  # noqa: T201
