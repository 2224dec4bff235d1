"""The ready receptionist who knows callers: ``voiceagent serve agents.database_lookup:agent``."""

from agents.database_lookup.agent import DatabaseLookup
from voiceagent.adk import lazy_root_agent

agent = DatabaseLookup
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(DatabaseLookup)

__all__ = ["DatabaseLookup", "agent"]
