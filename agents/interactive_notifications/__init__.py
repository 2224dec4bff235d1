"""The ready agent that delivers notices: ``voiceagent serve agents.interactive_notifications:agent``."""

from agents.interactive_notifications.agent import InteractiveNotifications
from voiceagent.adk import lazy_root_agent

agent = InteractiveNotifications
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(InteractiveNotifications)

__all__ = ["InteractiveNotifications", "agent"]
