"""A reception that speaks German, and English with callers who do not call from Germany.

Play it: ``voiceagent sandbox``, ``voiceagent serve examples.german_reception:Empfang``, and
``voiceagent call --scenario examples/german_reception.yaml``.
"""

from voiceagent import CallContext, Decision, VoiceAgent, run, tool


class Empfang(VoiceAgent):
    language = "de-DE"
    voice = "Zephyr"
    instruction = {
        "de": "Du nimmst in der Praxis Doktor Sommer das Telefon ab. Sprich kurz, freundlich und per Sie.",
        "en": "You answer the phone for Doctor Sommer's practice. Be brief and friendly.",
    }
    greeting = {
        "de": "Der Anruf ist angenommen. Begrüße den Anrufer für die Praxis und frag, was du tun kannst.",
        "en": "The call has just been answered. Greet the caller for the practice.",
    }
    lines = {
        "hours": {"de": "montags bis freitags, acht bis siebzehn Uhr", "en": "on weekdays, eight to five"}
    }

    async def on_incoming(self, call: CallContext) -> Decision:
        if call.caller_number and not call.caller_number.startswith("+49"):
            call.language = "en-US"
        return Decision.ANSWER

    @tool
    async def opening_hours(self, call: CallContext) -> str:
        """When the practice is open."""
        return self.line("hours", call)


if __name__ == "__main__":
    run(Empfang)
