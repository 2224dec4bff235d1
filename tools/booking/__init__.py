"""Appointments that callers book, move and cancel by phone.

database = Database("sqlite+aiosqlite:///voiceagent.db")
store = BookingStore(database, business=Business(name="Riverside Dental"))

class Reception(VoiceAgent):
    tools = [BookingTools(store)]
"""

from tools.booking.business import Business, Service, UnknownServiceError, UnknownStaffError
from tools.booking.confirmations import TEXTS, Confirmations, Texts
from tools.booking.errors import (
    BookingError,
    NoSuchAppointmentError,
    NotOfferedError,
    SlotTakenError,
    TooManyAppointmentsError,
)
from tools.booking.models import Appointment, WaitingCustomer
from tools.booking.store import BookingStore, Customer, Event
from tools.booking.tools import AppointmentDetails, BookingTools, FreeTimes

__all__ = [
    "TEXTS",
    "Appointment",
    "AppointmentDetails",
    "BookingError",
    "BookingStore",
    "BookingTools",
    "Business",
    "Confirmations",
    "Customer",
    "Event",
    "FreeTimes",
    "NoSuchAppointmentError",
    "NotOfferedError",
    "Service",
    "SlotTakenError",
    "Texts",
    "TooManyAppointmentsError",
    "UnknownServiceError",
    "UnknownStaffError",
    "WaitingCustomer",
]
