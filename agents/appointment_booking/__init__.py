"""The ready agent that books appointments: ``voiceagent serve agents.appointment_booking:agent``."""

from agents.appointment_booking.agent import RIVERSIDE_DENTAL, AppointmentBooking
from voiceagent.adk import lazy_root_agent

agent = AppointmentBooking
"""What ``serve`` takes calls with: the class, so that the environment is read when the agent is made."""

__getattr__ = lazy_root_agent(AppointmentBooking)

__all__ = ["RIVERSIDE_DENTAL", "AppointmentBooking", "agent"]
