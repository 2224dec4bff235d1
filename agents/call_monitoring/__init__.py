"""The ready agent that listens to calls and coaches: ``voiceagent serve agents.call_monitoring:agent``."""

from agents.call_monitoring.agent import CallMonitoring
from voiceagent.adk import lazy_root_agent

agent = CallMonitoring
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(CallMonitoring)

__all__ = ["CallMonitoring", "agent"]
