"""Appointments that callers book, move and cancel by phone.

store = BookingStore("sqlite+aiosqlite:///bookings.db", business=Business(name="Riverside Dental"))

class Reception(VoiceAgent):
    tools = [BookingTools(store)]
"""

from tools.booking.business import Business, Service, UnknownServiceError
from tools.booking.database import DatabaseUnavailableError
from tools.booking.models import Appointment
from tools.booking.store import (
    BookingError,
    BookingStore,
    NoSuchAppointmentError,
    NotOfferedError,
    SlotTakenError,
    TooManyAppointmentsError,
)
from tools.booking.tools import AppointmentDetails, BookingTools, FreeTimes, customer_number

__all__ = [
    "Appointment",
    "AppointmentDetails",
    "BookingError",
    "BookingStore",
    "BookingTools",
    "Business",
    "DatabaseUnavailableError",
    "FreeTimes",
    "NoSuchAppointmentError",
    "NotOfferedError",
    "Service",
    "SlotTakenError",
    "TooManyAppointmentsError",
    "UnknownServiceError",
    "customer_number",
]
