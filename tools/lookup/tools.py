"""Customer records as the model sees them: tools about whoever is calling, and about nobody else.

The rule: identity comes from the line, and what is sensitive needs a code as well, which is checked here. No
tool has a parameter for a customer or a phone number, so that the model, and whoever talks it into something,
cannot name another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from tools.callers import customer_number
from tools.hours import spoken_date
from tools.lookup.attempts import CodeCheck, Verdict
from tools.lookup.codes import UnreadableCodeError, read_code
from tools.lookup.models import Customer, Order, Ticket
from tools.lookup.redaction import without_code, without_numbers
from tools.lookup.speech import spoken_amount, spoken_balance
from tools.lookup.store import LARGEST_ID, CustomerStore, LookupRefusedError
from voiceagent import CallContext, ToolError, tool

_MOST_READ_OUT = 3
_MOST_CODES = 10
"""So many codes of a call are kept, to take them out of what is said: every text is searched for each."""

_UNVERIFIED = (
    "This is told only to callers who give their code. Ask for it, then call verify_caller. Do not repeat it."
)
_PERSON = " Say so, and offer to connect them to a person (transfer_call)."

ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=300)]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True)
class OrderDetails:
    """An order, as it is read out to the caller.

    Attributes:
        order_id: The order number.
        items: What was ordered.
        status: Where it is.
        ordered: The day it was ordered, as it is said.
        expected: The day it is expected, as it is said; empty if nobody knows.
    """

    order_id: int
    items: str
    status: str
    ordered: str
    expected: str


@dataclass(frozen=True)
class TicketDetails:
    """A ticket, as it is read out to the caller.

    Attributes:
        ticket_id: The ticket number.
        subject: What it is about.
        status: Whether it is being looked after.
        opened: The day it was opened, as it is said.
    """

    ticket_id: int
    subject: str
    status: str
    opened: str


@dataclass
class _Call:
    """What a call remembers between tools.

    Attributes:
        verified: Id of the customer who has given the right code.
        code_wanted: Whether the caller is about to say a code.
        codes: The codes that were tried, so that transcripts can be kept free of them.
    """

    verified: int | None = None
    code_wanted: bool = False
    codes: set[str] = field(default_factory=set, repr=False)


class LookupTools:
    """The toolset; give an instance to an agent's ``tools``. One serves all calls.

    Args:
        store: The customers; their database is opened and closed by whoever made it.
        codes: Checks the codes.
        local: Turns a moment into the wall clock of the business, for the days that are told.
    """

    def __init__(
        self,
        store: CustomerStore,
        codes: CodeCheck,
        *,
        local: Callable[[datetime], datetime] = lambda moment: moment.astimezone(UTC),
    ) -> None:
        self._store = store
        self._codes = codes
        self._local = local

    @tool
    async def my_orders(self, call: CallContext) -> list[OrderDetails]:
        """The caller's newest orders, three at most. An empty list means none."""
        customer = await self._customer(call)
        orders = await self._store.orders(customer, _MOST_READ_OUT)
        return [_order(order, call.language) for order in orders]

    @tool
    async def order_status(self, call: CallContext, order_id: Id) -> OrderDetails:
        """One order of the caller, by the order number that they name.

        Args:
            order_id: The order number, digits only.
        """
        order = await self._store.order(await self._customer(call), order_id)
        if order is None:
            raise ToolError("The caller has no order with that number; my_orders lists theirs.")
        return _order(order, call.language)

    @tool
    async def my_tickets(self, call: CallContext) -> list[TicketDetails]:
        """The caller's newest tickets, three at most. An empty list means none."""
        customer = await self._customer(call)
        tickets = await self._store.tickets(customer, _MOST_READ_OUT)
        return [self._told(ticket, call.language) for ticket in tickets]

    @tool
    async def open_ticket(
        self, call: CallContext, subject: ShortText, details: LongText = ""
    ) -> TicketDetails:
        """Open a ticket for the caller, so that somebody looks after their request. Tell them its number.

        Args:
            subject: What it is about, in a few words.
            details: What the caller said about it, in one or two sentences. Never a code.
        """
        customer = await self._customer(call)
        try:
            ticket = await self._store.open_ticket(
                customer, call.call_id, self._clean(call, subject), self._clean(call, details)
            )
        except LookupRefusedError as refusal:
            raise ToolError(str(refusal)) from refusal
        return self._told(ticket, call.language)

    @tool(secret=("code",))
    async def verify_caller(self, call: CallContext, code: Annotated[str, Field(max_length=100)]) -> str:
        """Check the code that the caller has said. Never say the code aloud, and never guess one.

        Args:
            code: The code as the caller said it.
        """
        customer, known = await self._customer(call), _of(call)
        try:
            tried = read_code(code)
        except UnreadableCodeError as error:
            raise ToolError(str(error)) from error
        if len(known.codes) < _MOST_CODES:
            known.codes.add(tried)
        if known.verified == customer.id:
            return "The caller is verified already."
        if customer.code_hash is None:
            raise ToolError("No code is agreed with this customer." + _PERSON)
        verdict, left = await self._codes.check(customer, customer.code_hash, call.call_id, tried)
        known.code_wanted = verdict is Verdict.WRONG and left > 0
        if verdict is Verdict.RIGHT:
            known.verified = customer.id
            return "The code is right: the caller is verified until the call ends."
        if known.code_wanted:
            raise ToolError("The code is wrong. Ask once more, and do not say what was wrong about it.")
        raise ToolError("Too many codes were wrong: none is taken for an hour." + _PERSON)

    @tool
    async def my_balance(self, call: CallContext) -> str:
        """What the caller owes or has in credit. Needs verify_caller first."""
        customer = await self._verified(call)
        return spoken_balance(customer.balance_cents, customer.currency)

    @tool
    async def my_address(self, call: CallContext) -> str:
        """The caller's delivery address on record. Needs verify_caller first."""
        customer = await self._verified(call)
        return customer.address or "No address is on record."

    @tool
    async def my_payments(self, call: CallContext) -> list[str]:
        """The caller's last payments, three at most. Needs verify_caller first. An empty list means none."""
        customer = await self._verified(call)
        return [
            f"{spoken_amount(each.amount_cents, customer.currency)}, {each.method},"
            f" {spoken_date(each.paid_on, call.language)}"
            for each in await self._store.payments(customer, _MOST_READ_OUT)
        ]

    @tool
    async def create_lead(self, call: CallContext, name: Name, reason: Reason) -> str:
        """Note who an unknown caller is and what they want, so that somebody calls them back.

        Args:
            name: The caller's name. Ask for it; do not invent one.
            reason: What they want, in one sentence.
        """
        number = self._number(call)
        if await self._store.find(number) is not None:
            raise ToolError("This caller is a customer already: use open_ticket.")
        await self._store.keep_lead(number, self._clean(call, name), self._clean(call, reason))
        return "Noted. Somebody will call back on the number they call from."

    async def find(self, call: CallContext) -> Customer | None:
        """The customer who calls; None for unknown callers and withheld numbers."""
        number = customer_number(call)
        return None if number is None else await self._store.find(number)

    def redact(self, call: CallContext, text: str) -> str:
        """What was said without codes, and so without longer numbers: for an agent's ``redact``."""
        return without_numbers(self._clean(call, text), small=_of(call).code_wanted)

    def _clean(self, call: CallContext, text: str) -> str:
        for code in _of(call).codes:
            text = without_code(text, code)
        return text

    def _told(self, ticket: Ticket, language: str | None) -> TicketDetails:
        return TicketDetails(
            ticket_id=ticket.id,
            subject=ticket.subject,
            status=ticket.status,
            opened=spoken_date(self._local(ticket.opened_at).date(), language),
        )

    def _number(self, call: CallContext) -> str:
        number = customer_number(call)
        if number is None:
            raise ToolError("The caller's number is withheld, so that they are not known." + _PERSON)
        return number

    async def _customer(self, call: CallContext) -> Customer:
        customer = await self._store.find(self._number(call))
        if customer is None:
            raise ToolError(
                "This number belongs to no customer. Ask for their name and what they want, then create_lead."
            )
        return customer

    async def _verified(self, call: CallContext) -> Customer:
        customer, known = await self._customer(call), _of(call)
        if customer.code_hash is None:
            raise ToolError(
                "No code is agreed with this customer, so this cannot be told by phone." + _PERSON
            )
        if known.verified != customer.id:
            known.code_wanted = True
            raise ToolError(_UNVERIFIED)
        return customer


def _of(call: CallContext) -> _Call:
    known = call.state.setdefault("lookup", _Call())
    assert isinstance(known, _Call)
    return known


def _order(order: Order, language: str | None) -> OrderDetails:
    return OrderDetails(
        order_id=order.id,
        items=order.items,
        status=order.status,
        ordered=spoken_date(order.ordered_on, language),
        expected=spoken_date(order.due_on, language) if order.due_on else "",
    )
