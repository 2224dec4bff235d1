"""The events of :mod:`voiceagent.call.events`."""

from voiceagent.call.events import *
from voiceagent.call.events import __all__ as __all__
