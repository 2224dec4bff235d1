"""A voicemail in German: a vet in Berlin, with a lunch break and public holidays.

``voiceagent serve examples.after_hours_voicemail:VetVoicemail``; in another terminal, against the sandbox,
``voiceagent call --scenario examples/after_hours_voicemail.yaml``. Messages are in ``voicemails``.
"""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar

from agents.after_hours_voicemail import AfterHoursVoicemail
from tools.hours import WEEKDAYS, OpeningHours
from voiceagent import Words, run


class VetVoicemail(AfterHoursVoicemail):
    business = "Tierarztpraxis Lindner"
    language = "de-DE"
    ring_seconds = 5
    silence_seconds = 6.0
    hours = OpeningHours(
        time_zone="Europe/Berlin",
        hours={**dict.fromkeys(WEEKDAYS[:5], "9:00-12:30, 14:00-18:00"), "saturday": "9:00-12:00"},
        holidays="DE-BE",
        closed_days={date(2026, 12, 24): "Heiligabend", date(2026, 12, 31): "Silvester"},
    )
    lines: ClassVar[Mapping[str, Words]] = {
        **AfterHoursVoicemail.lines,
        "closed": (
            "Guten Tag, hier ist die {business}. Wir sind am {next_opening} wieder da. In Notfällen wählen"
            " Sie bitte die Tierklinik. Sonst sagen Sie mir Ihren Namen, und was Ihrem Tier fehlt."
        ),
    }


if __name__ == "__main__":
    run(VetVoicemail)
