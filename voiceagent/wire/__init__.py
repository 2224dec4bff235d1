"""The call plane's messages and frames, as data: no sockets, no clock, no logging.

The dialect is ``telcoflow-1``. A call server and its client talk over two WebSockets: one *control*
link per process (:mod:`voiceagent.wire.control`) and one *media* link per call
(:mod:`voiceagent.wire.media`), whose audio travels in binary frames (:mod:`voiceagent.wire.frames`).
Client, exchange, fuzzers and tests share this package, so it imports nothing of them.

Every ``decode`` function takes what came off a socket and returns a message, or raises
:class:`WireError` that names what was wrong. A well-formed message of an unknown type is not an error:
it decodes to :class:`Unknown`, which a peer skips, because the other side may be newer.
"""

from voiceagent.wire._codec import MAX_MESSAGE_BYTES, Unknown, WireError, encode

__all__ = ["MAX_MESSAGE_BYTES", "Unknown", "WireError", "encode"]
