"""The ready agent that helps or finds a person: ``voiceagent serve agents.human_escalation:agent``."""

from agents.human_escalation.agent import LAKESIDE_HELP, LAKESIDE_HOURS, HumanEscalation
from voiceagent.adk import lazy_root_agent

agent = HumanEscalation
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(HumanEscalation)

__all__ = ["LAKESIDE_HELP", "LAKESIDE_HOURS", "HumanEscalation", "agent"]
