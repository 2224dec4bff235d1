"""A receptionist who knows callers by their number, for a business that does not exist.

Subclass :class:`DatabaseLookup` and change the facts; the class says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import ClassVar
from zoneinfo import ZoneInfo

from agents.database_lookup.texts import GREETING, INSTRUCTION, LINES
from tools.callers import customer_number
from tools.lookup import CodeCheck, CustomerStore, LookupTools
from tools.storage import DatabaseAgent, utc_now
from voiceagent import CallContext, ToolError, Words, tool


class Known(Enum):
    """What is known of a caller; the values name the lines that tell the model."""

    CUSTOMER = "known"
    STRANGER = "unknown"
    WITHHELD = "withheld"
    NOTHING = "unavailable"
    """The records could not be read."""


class DatabaseLookup(DatabaseAgent):
    """Greets customers by name, tells them about their orders, tickets and account, and notes who else calls.

    Meant to be changed in a subclass:

    * ``business``: its name, as it is said.
    * ``time_zone``: where it is, as IANA names it: what is today there.
    * ``departments``: whom callers can be put through to, and what each is for.
    * ``lines["code"]``: what callers are asked for as their second factor.
    * ``codes_per_call``, ``codes_per_hour``: how many codes may be wrong.
    * ``voice``, ``language``, ``instruction``, ``greeting``, ``lines``, ``ring_seconds``, ``model``: how it
      sounds and behaves. ``{business}``, ``{departments}``, ``{code}`` and ``{caller}`` in the instruction
      are filled in for each call.
    * ``database_url``, and ``make_store()`` for records that are somewhere else.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`: add ``@tool`` methods for what else it can do.

    Attributes:
        store: The customers.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[str] = "Harbor Supplies"
    time_zone: ClassVar[str] = "America/New_York"
    departments: ClassVar[Mapping[str, str]] = {
        "sales": "new orders and prices",
        "billing": "invoices and payments",
        "support": "everything else",
    }
    codes_per_call: ClassVar[int] = 3
    codes_per_hour: ClassVar[int] = 5
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    lines: ClassVar[Mapping[str, Words]] = LINES
    voice = "Aoede"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        self.store = self.make_store()
        codes = CodeCheck(self.database, per_call=self.codes_per_call, per_hour=self.codes_per_hour, now=now)
        zone = ZoneInfo(self.time_zone)
        self.lookup = LookupTools(self.store, codes, local=lambda moment: moment.astimezone(zone))
        self.tools = (*self.tools, self.lookup)

    def make_store(self) -> CustomerStore:
        """Where the customers are; override it to read other records."""
        return CustomerStore(self.database, now=self.now)

    async def on_start(self, call: CallContext) -> None:
        """Look up who calls, for the greeting."""
        call.state["known"] = Known.NOTHING
        customer = await self.lookup.find(call)
        if customer is not None:
            call.state["known"], call.state["name"] = Known.CUSTOMER, customer.name
        else:
            call.state["known"] = Known.STRANGER if customer_number(call) else Known.WITHHELD

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """The business, its departments, and what is known of the caller."""
        known = call.state.get("known", Known.NOTHING)
        facts = {
            "business": self.business,
            "departments": "; ".join(f"{name} ({what})" for name, what in self.departments.items()),
            # Quoted, so that it is read as a name and not as an order.
            "name": repr(call.state.get("name", "")),
        }
        welcome = "welcome_known" if known is Known.CUSTOMER else "welcome_other"
        for fact, line in {"code": "code", "caller": known.value, "welcome": welcome}.items():
            facts[fact] = self.line(line, call, facts)
        return facts

    def redact(self, call: CallContext, text: str) -> str:
        """Keep spoken codes, and with them all longer numbers, out of transcripts."""
        return self.lookup.redact(call, text)

    @tool(requires="transfer")
    async def transfer_call(self, call: CallContext, reason: str = "", department: str = "") -> str:
        """Connect the caller to a person of a department. Tell the caller first, in the same answer.

        Args:
            reason: Why the caller is put through, in a few words. Never a code.
            department: Which department, by its name; leave it out if they name none.
        """
        wanted = department.strip().casefold()
        if wanted and wanted not in {name.casefold() for name in self.departments}:
            raise ToolError(f"There is no such department; there are {', '.join(self.departments)}.")
        return await call.transfer(note=": ".join(filter(None, (wanted, self.redact(call, reason)))))
