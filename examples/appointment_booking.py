"""A barber shop with the ready booking agent: its own services, staff and hours, and one tool more.

Run it against the sandbox: ``voiceagent serve examples.appointment_booking:BarberShop`` in one terminal, and
``voiceagent call --scenario examples/appointment_booking.yaml`` in another.
"""

from datetime import date

from agents.appointment_booking import AppointmentBooking
from tools.booking import Business, Service
from tools.hours import WEEKDAYS, OpeningHours
from voiceagent import run, tool


class BarberShop(AppointmentBooking):
    business = Business(
        name="Station Barbers",
        services=(
            Service("haircut", 30, also=("cut", "trim")),
            Service("beard", 15, staff=("Omar",)),
        ),
        staff=("Kim", "Omar"),
        opening=OpeningHours(
            time_zone="Europe/Dublin",
            hours=dict.fromkeys(WEEKDAYS, "9:00-13:00, 14:00-19:00"),
            special_hours={date(2026, 12, 24): "9:00-13:00"},
        ),
        slot_minutes=15,
        email="hello@station-barbers.example",
    )
    voice = "Puck"

    @tool
    async def where_to_find_us(self) -> str:
        """Where the shop is, for callers who ask for the way."""
        return "In the main hall of the station, next to the flower shop."


if __name__ == "__main__":
    run(BarberShop)
