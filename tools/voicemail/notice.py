"""What the people of the business are told of a message: by e-mail to read, by webhook for programs.

The rule: everything the caller said stands where it belongs and nowhere else; a subject is one line, and the
data of a webhook keeps its names whatever the language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tools.hours import spoken_moment
from tools.messaging import Attachment, Message
from tools.voicemail.draft import CallRecord, LeftMessage
from tools.voicemail.models import Occasion, Urgency

KIND = "voicemail"
"""What the message is called, for whoever receives webhooks of several kinds."""


@dataclass(frozen=True)
class _Words:
    """A notice in one language."""

    subject: str
    urgent_subject: str
    withheld: str
    caller: str
    name: str
    callback: str
    when: str
    occasions: dict[Occasion, str]
    urgency: str
    urgencies: dict[Urgency, str]
    summary: str
    length: str
    adds_to: str
    broke_off: str
    said: str
    nothing_understood: str
    attached: str
    not_attached: str
    no_recording: str


_WORDS = {
    "en": _Words(
        subject="Voicemail from {who}",
        urgent_subject="Urgent voicemail from {who}",
        withheld="a withheld number",
        caller="Number",
        name="Name",
        callback="Call back at (as the caller said)",
        when="Called",
        occasions={Occasion.CLOSED: "while you were closed", Occasion.UNANSWERED: "nobody picked up"},
        urgency="Urgency",
        urgencies={Urgency.LOW: "low", Urgency.NORMAL: "normal", Urgency.URGENT: "urgent"},
        summary="In short",
        length="Length",
        adds_to="This adds to message {id} of the same caller.",
        broke_off="The call ended before the caller had come to an end.",
        said="What the caller said:",
        nothing_understood="(Nothing was understood. Listen to the recording.)",
        attached="The recording is attached.",
        not_attached="The recording is too large to be attached: {file}",
        no_recording="The recording could not be written.",
    ),
    "de": _Words(
        subject="Nachricht von {who}",
        urgent_subject="Dringende Nachricht von {who}",
        withheld="einer unterdrückten Nummer",
        caller="Nummer",
        name="Name",
        callback="Rückruf unter (laut Anrufer)",
        when="Anruf",
        occasions={
            Occasion.CLOSED: "außerhalb der Öffnungszeiten",
            Occasion.UNANSWERED: "niemand nahm ab",
        },
        urgency="Dringlichkeit",
        urgencies={Urgency.LOW: "gering", Urgency.NORMAL: "normal", Urgency.URGENT: "dringend"},
        summary="Kurz gesagt",
        length="Länge",
        adds_to="Dies ergänzt die Nachricht {id} desselben Anrufers.",
        broke_off="Der Anruf endete, bevor der Anrufer fertig war.",
        said="Was der Anrufer gesagt hat:",
        nothing_understood="(Nichts wurde verstanden. Bitte die Aufnahme anhören.)",
        attached="Die Aufnahme ist angehängt.",
        not_attached="Die Aufnahme ist zu groß zum Anhängen: {file}",
        no_recording="Die Aufnahme konnte nicht geschrieben werden.",
    ),
    "es": _Words(
        subject="Mensaje de voz de {who}",
        urgent_subject="Mensaje de voz urgente de {who}",
        withheld="un número oculto",
        caller="Número",
        name="Nombre",
        callback="Llamar al (según quien llamó)",
        when="Llamada",
        occasions={
            Occasion.CLOSED: "fuera del horario de apertura",
            Occasion.UNANSWERED: "nadie contestó",
        },
        urgency="Urgencia",
        urgencies={Urgency.LOW: "baja", Urgency.NORMAL: "normal", Urgency.URGENT: "urgente"},
        summary="En resumen",
        length="Duración",
        adds_to="Esto completa el mensaje {id} de la misma persona.",
        broke_off="La llamada terminó antes de que la persona acabara.",
        said="Lo que dijo la persona que llamó:",
        nothing_understood="(No se entendió nada. Escuche la grabación.)",
        attached="La grabación va adjunta.",
        not_attached="La grabación es demasiado grande para adjuntarla: {file}",
        no_recording="No se pudo escribir la grabación.",
    ),
}


def notice_of(
    record: CallRecord,
    message: LeftMessage,
    message_id: int,
    *,
    wav: bytes | None,
    local: Callable[[datetime], datetime],
    language: str | None,
) -> Message:
    """The notice of a stored message.

    Args:
        record: The call.
        message: What was left in it.
        message_id: Its id in the database.
        wav: The recording, to be attached; None leaves it out.
        local: Turns a moment into the wall clock of the business.
        language: In which the e-mail is written: BCP-47, English where it is not known.
    """
    words = _WORDS.get((language or "en").split("-")[0].casefold(), _WORDS["en"])
    number = record.caller_number or words.withheld
    who = f"{message.caller_name} ({number})" if message.caller_name else number
    urgent = message.urgency is Urgency.URGENT
    attachments: tuple[Attachment, ...] = ()
    if wav is not None:
        name = f"voicemail-{local(record.began_at):%Y%m%d-%H%M%S}.wav"
        attachments = (Attachment(name, "audio/wav", wav),)
    return Message(
        kind=KIND,
        subject=(words.urgent_subject if urgent else words.subject).format(who=who),
        text=_text(words, record, message, attached=wav is not None, when=_when(record, local, language)),
        data={
            "message_id": message_id,
            "caller_number": record.caller_number,
            "callee_number": record.callee_number,
            "caller_name": message.caller_name,
            "callback_number": message.callback_number,
            "occasion": record.occasion.value,
            "began_at": record.began_at.isoformat(),
            "ended_at": record.ended_at.isoformat(),
            "urgency": message.urgency.value,
            "summary": message.summary,
            "transcript": message.transcript,
            "recording": message.recording,
            "seconds": message.seconds,
            "complete": message.complete,
            "adds_to_id": message.adds_to_id,
        },
        attachments=attachments,
        key=f"{KIND}-{record.key}",
    )


def _when(record: CallRecord, local: Callable[[datetime], datetime], language: str | None) -> str:
    return spoken_moment(local(record.began_at), language)


def _text(words: _Words, record: CallRecord, message: LeftMessage, *, attached: bool, when: str) -> str:
    facts = [
        (words.caller, record.caller_number or words.withheld),
        (words.name, message.caller_name),
        (words.callback, message.callback_number),
        (words.when, f"{when} ({words.occasions[record.occasion]})"),
        (words.urgency, words.urgencies[message.urgency]),
        (words.summary, message.summary),
        (words.length, f"{message.seconds:.0f} s"),
    ]
    lines = [f"{label}: {value}" for label, value in facts if value]
    if message.adds_to_id is not None:
        lines.append(words.adds_to.format(id=message.adds_to_id))
    if not message.complete:
        lines.append(words.broke_off)
    lines += ["", words.said, message.transcript or words.nothing_understood, ""]
    if message.recording is None:
        lines.append(words.no_recording)
    elif attached:
        lines.append(words.attached)
    else:
        lines.append(words.not_attached.format(file=message.recording))
    return "\n".join(lines) + "\n"
