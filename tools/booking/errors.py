"""Why a booking is refused.

    BookingError
        SlotTakenError            nobody who may be asked for is free then
        NotOfferedError           appointments do not begin then
        NoSuchAppointmentError    this phone number has no such upcoming appointment
        TooManyAppointmentsError  this phone number holds as many as it may

The rule: the message is a sentence that may be said to the caller.
"""

from __future__ import annotations


class BookingError(Exception):
    """A request that cannot be granted."""


class SlotTakenError(BookingError):
    """Nobody of the staff who may be asked for is free at that time."""


class NotOfferedError(BookingError):
    """Appointments do not begin at that time: past, closed, too far ahead, or between two slots."""


class NoSuchAppointmentError(BookingError):
    """This phone number has no such upcoming appointment; whether another one has, is not said."""


class TooManyAppointmentsError(BookingError):
    """This phone number holds as many appointments as one may."""
