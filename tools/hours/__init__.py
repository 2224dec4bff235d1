"""When a business is open, and how days and times are said and read.

opening = OpeningHours(
    time_zone="Europe/Berlin",
    hours=dict.fromkeys(WEEKDAYS[:5], "9:00-12:30, 13:30-18:00"),
    holidays="DE-BE",
)
opening.is_open(datetime.now(UTC))
opening.in_words("de")
"""

from tools.hours.opening import WEEKDAYS, Hours, OpeningHours
from tools.hours.reading import UnreadableError, read_date, read_time
from tools.hours.speech import spoken_date, spoken_moment, spoken_time

__all__ = [
    "WEEKDAYS",
    "Hours",
    "OpeningHours",
    "UnreadableError",
    "read_date",
    "read_time",
    "spoken_date",
    "spoken_moment",
    "spoken_time",
]
