"""A landlord's office that helps tenants or finds the caretaker: its own answers, hours and urgent words.

Run it against the sandbox: ``voiceagent serve examples.human_escalation:Landlord`` in one terminal, and
``voiceagent call --scenario examples/human_escalation.yaml`` in another.
"""

from agents.human_escalation import HumanEscalation
from tools.escalation import Article
from tools.hours import WEEKDAYS, OpeningHours
from voiceagent import run


class Landlord(HumanEscalation):
    business = "Hill House"
    hours = OpeningHours(time_zone="Europe/London", hours=dict.fromkeys(WEEKDAYS, "7:00-20:00"))
    ring_seconds = 20
    urgent_words = ("gas", "fire", "flood", "locked out")
    articles = (
        Article("Rubbish", "The bins are emptied on Tuesday morning. Put yours out the evening before."),
        Article("Keys", "A new key costs ten pounds and takes two days.", words="lost key copy"),
        Article("Quiet hours", "Please be quiet from ten in the evening to seven.", words="noise loud music"),
    )


if __name__ == "__main__":
    run(Landlord)
