"""The errors of :mod:`voiceagent.call.exceptions`."""

from voiceagent.call.exceptions import *
from voiceagent.call.exceptions import __all__ as __all__
