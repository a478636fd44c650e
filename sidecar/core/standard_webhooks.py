"""Signatures of Standard Webhooks 1.0 (standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_MIN_KEY_BYTES: Final = 24
_MAX_KEY_BYTES: Final = 64


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: the bytes whose base64 follows `whsec_`.

    Raises:
        ValueError: when the secret has another form, or its key not 24 to 64 bytes.
    """
    try:
        if not secret.startswith(_PREFIX):
            raise ValueError("no prefix")
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"a webhook secret is {_PREFIX} and the key in base64") from error
    if not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        raise ValueError(
            f"the key of a webhook secret has {_MIN_KEY_BYTES} to {_MAX_KEY_BYTES} bytes, "
            f"not {len(key)}"
        )
    return key


def signed_headers(
    webhook_id: str, body: bytes, now: datetime, keys: Sequence[bytes]
) -> Mapping[str, str]:
    """Return the headers of a call, with one signature for each key; without keys, none."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
    }
    if keys:
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
        headers["webhook-signature"] = " ".join(
            f"v1,{base64.b64encode(digest).decode()}" for digest in digests
        )
    return headers
