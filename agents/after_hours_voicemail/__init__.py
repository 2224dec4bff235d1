"""The ready agent that takes messages: ``voiceagent serve agents.after_hours_voicemail:agent``."""

from agents.after_hours_voicemail.agent import RIVERSIDE_HOURS, AfterHoursVoicemail
from voiceagent.adk import lazy_root_agent

agent = AfterHoursVoicemail
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(AfterHoursVoicemail)

__all__ = ["RIVERSIDE_HOURS", "AfterHoursVoicemail", "agent"]
