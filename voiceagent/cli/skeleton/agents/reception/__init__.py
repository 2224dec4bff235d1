"""The reception of a practice: ``voiceagent serve agents.reception:agent``."""

from voiceagent.adk import lazy_root_agent

from .agent import Reception

agent = Reception
"""What ``serve`` takes calls with."""

__getattr__ = lazy_root_agent(Reception)
"""``root_agent``, for ADK's commands: the agent as text."""

__all__ = ["Reception", "agent"]
