"""A call on its way from one process to another, as JSON, before anybody has opened its media link.

The fields are those of the public client's hand-off, so that either side may be that client. The text opens
the call: whoever holds it can listen and speak, so it is a secret.
"""

from __future__ import annotations

import msgspec

from voiceagent.wire._codec import WireError
from voiceagent.wire.control import _Discreet
from voiceagent.wire.frames import SAMPLE_RATES


class HandOff(_Discreet, msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What it takes to serve a call: where its media link is, and the bearer token that opens it."""

    channel: str
    id: str
    """Id of the call."""

    caller: str
    """Who calls; empty if withheld."""

    callee: str
    """Who was called."""

    session_url: str
    """Absolute ws URL of the media link."""

    session_token: str
    """Its bearer token, a secret."""

    sample_rate: int | None = None
    """Hz of both directions, as the claimant asked for. The public client does not tell it."""


_decoder = msgspec.json.Decoder(HandOff)


def decode_handoff(text: str | bytes) -> HandOff:
    """Decode the JSON of a hand-off. Fields that are not known are skipped.

    Raises:
        WireError: it is no JSON object, or a field is missing, empty or of the wrong type. The error shows no
            value, for the text is a secret.
    """
    handoff, reason = None, ""
    try:
        handoff = _decoder.decode(str(text) if isinstance(text, str) else text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        reason = str(error)
    if handoff is None:
        # Outside the handler: errors about characters carry the whole text.
        raise WireError(f"not a handed-off call: {reason}")
    if handoff.channel != "TELCO":
        raise WireError("not a handed-off call: its channel is not TELCO")
    for name in ("id", "session_url", "session_token"):
        if not getattr(handoff, name):
            raise WireError(f"not a handed-off call: `{name}` is empty")
    if handoff.sample_rate not in (None, *SAMPLE_RATES):
        raise WireError(f"not a handed-off call: `sample_rate` is none of {SAMPLE_RATES}")
    if not handoff.id.isprintable():
        raise WireError("not a handed-off call: `id` holds a line end or another control character")
    return handoff
