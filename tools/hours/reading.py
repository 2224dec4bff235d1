"""Reading dates and times as a model passes them on from a caller.

It understands ISO, ``tomorrow``, weekday names, ``10 am``, ``half past ten``. The rule: what cannot be read
for certain is refused with a sentence that says what to give instead; nothing is guessed silently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

_LONGEST = 60
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RELATIVE = {"today": 0, "tonight": 0, "tomorrow": 1, "day after tomorrow": 2}
_HOURS = {
    word: hour
    for hour, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen twenty".split()
    )
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_MINUTES = (
    {word: value for word, value in _HOURS.items() if value >= 5}
    | _TENS
    | {f"{word} five": value + 5 for word, value in _TENS.items()}
    | {"quarter": 15, "half": 30, "oh five": 5}
)
_WORD_TIME = re.compile(r"(?P<hour>[a-z]+|\d{1,2})(?: (?P<minute>[a-z]+(?: five)?))?")
_PAST_TO = re.compile(
    r"(?P<minutes>[a-z]+(?: five)?|\d{1,2})(?: minutes)? (?P<side>past|after|to|before)"
    r" (?P<hour>[a-z]+|\d{1,2})"
)
_CLOCK = re.compile(r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))(?::\d{2}(?:\.\d+)?)?")
_MERIDIEM = re.compile(r"^(?P<rest>.*?)\s*(?P<half>\ba\.?m\b\.?|\bp\.?m\b\.?|(?<=\d)[ap]\.?m\b\.?)$")
_PART_OF_DAY = re.compile(r"^(?P<rest>.*?)\s*\b(?P<part>in the morning|in the afternoon|in the evening)$")


class UnreadableError(ValueError):
    """A date or time that cannot be read. The message is a sentence for the model."""


def read_date(text: str, today: date) -> date:
    """Read a date as a caller may say it.

    Args:
        text: ISO (``2026-03-05``), ``today``, ``tomorrow``, a weekday, ``March 5``, ``in two weeks``.
        today: What ``today`` means. A weekday is the next such day after it; ``next Friday`` is the
            Friday of next week.

    Raises:
        UnreadableError: It is none of these.
    """
    spoken = re.sub(r"\s+", " ", re.sub(r"[,]", " ", text.casefold())).strip(" .")
    spoken = re.sub(r"^(?:on|for|the|this|coming) ", "", spoken)
    spoken = re.sub(r"^the ", "", spoken)
    if len(spoken) > _LONGEST:
        raise _unreadable_date(text)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[t ].*)?", spoken):
        try:
            return date.fromisoformat(spoken[:10])
        except ValueError as exc:
            raise UnreadableError(f"{spoken[:10]} is not a day of the calendar.") from exc
    if spoken in _RELATIVE:
        return today + timedelta(days=_RELATIVE[spoken])
    if (weekday := spoken.removeprefix("next ")) in _WEEKDAYS:
        ahead = _WEEKDAYS.index(weekday) - today.weekday()
        if spoken.startswith("next "):
            return today + timedelta(days=ahead + 7)
        return today + timedelta(days=ahead if ahead > 0 else ahead + 7)
    return _read_other_date(spoken, text, today)


def _read_other_date(spoken: str, text: str, today: date) -> date:
    # Loading dateparser takes 0.2 s; most callers say something simpler.
    import dateparser  # type: ignore[import-untyped]

    parsed: datetime | None = dateparser.parse(
        spoken,
        languages=["en"],
        settings={
            "PREFER_DATES_FROM": "future",
            "RELATIVE_BASE": datetime.combine(today, time()),
            # Without these a lone "ten" is read as October.
            "REQUIRE_PARTS": ["day", "month"],
            "PARSERS": ["relative-time", "absolute-time"],
        },
    )
    if parsed is None:
        raise _unreadable_date(text)
    return parsed.date()


def _unreadable_date(text: str) -> UnreadableError:
    return UnreadableError(
        f"The date {text[:40]!r} cannot be read."
        " Give it as YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'."
    )


def read_time(text: str) -> tuple[time, ...]:
    """Read a time of day as a caller may say it.

    Args:
        text: ``14:30``, ``2:30 pm``, ``ten``, ``half past ten``, ``noon``.

    Returns:
        What it can mean, likeliest first: one time, or two when it does not say which half of the day
        (``ten`` is 10:00 or 22:00). An hour of two digits with minutes (``02:30``) is the 24-hour clock.

    Raises:
        UnreadableError: It is none of these.
    """
    spoken = re.sub(r"^\d{4}-\d{2}-\d{2}[t ]", "", text.casefold().strip())
    spoken = re.sub(r"[\s,\-]+", " ", spoken)
    spoken = re.sub(r"^(?:at|around|about) ", "", spoken)
    if len(spoken) > _LONGEST:
        raise _unreadable_time(text)
    if spoken in ("noon", "midday", "12 noon", "twelve noon"):
        return (time(12),)
    spoken, afternoon = _half_of_day(spoken)
    spoken = re.sub(r"\s*\bo ?['\u2019]? ?clock\b", "", spoken).strip(" .")
    clock = _CLOCK.fullmatch(spoken)
    if clock:
        hour, minute = int(clock["hour"]), int(clock["minute"])
    else:
        hour, minute = _read_words(spoken, text)
    if hour > 23 or minute > 59 or (hour > 12 and afternoon is False):
        raise _unreadable_time(text)
    if hour == 0 or hour > 12 or (clock and clock["hour"].startswith("0") and afternoon is None):
        return (time(hour, minute),)
    morning, evening = time(hour % 12, minute), time(hour % 12 + 12, minute)
    if afternoon is not None:
        return (evening if afternoon else morning,)
    return (evening, morning) if hour == 12 else (morning, evening)


def _half_of_day(spoken: str) -> tuple[str, bool | None]:
    """Take off ``am``, ``pm`` or ``in the morning``; whether it means the half after noon, None if unsaid."""
    if match := _MERIDIEM.match(spoken):
        return match["rest"], match["half"].startswith("p")
    if match := _PART_OF_DAY.match(spoken):
        return match["rest"], match["part"] != "in the morning"
    return spoken, None


def _read_words(spoken: str, text: str) -> tuple[int, int]:
    """Hour and minute of ``ten``, ``ten thirty``, ``half past ten``, ``quarter to eleven``."""
    if match := _PAST_TO.fullmatch(re.sub(r"^an? ", "", spoken)):
        hour, minutes = _number(match["hour"], _HOURS, text), _number(match["minutes"], _MINUTES, text)
        if match["side"] in ("past", "after"):
            return hour, minutes
        return (12 if hour == 1 else hour - 1), 60 - minutes
    if match := _WORD_TIME.fullmatch(spoken):
        minute = _number(match["minute"], _MINUTES, text) if match["minute"] else 0
        return _number(match["hour"], _HOURS, text), minute
    raise _unreadable_time(text)


def _number(word: str, words: Mapping[str, int], text: str) -> int:
    if word.isdecimal():
        return int(word)
    if word not in words:
        raise _unreadable_time(text)
    return words[word]


def _unreadable_time(text: str) -> UnreadableError:
    return UnreadableError(f"The time {text[:40]!r} cannot be read. Give it as HH:MM, such as 14:30.")
