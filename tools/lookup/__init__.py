"""Customer records by phone: orders, tickets and account of whoever is calling.

store = CustomerStore(database)

class Reception(VoiceAgent):
    tools = [LookupTools(store, CodeCheck(database))]
"""

from tools.lookup.attempts import CodeCheck, Verdict
from tools.lookup.codes import UnreadableCodeError, hash_code
from tools.lookup.models import Customer, Lead, Order, Payment, Ticket
from tools.lookup.redaction import without_code, without_numbers
from tools.lookup.speech import spoken_amount, spoken_balance
from tools.lookup.store import SCHEMA, CustomerStore, LookupRefusedError
from tools.lookup.tools import LookupTools, OrderDetails, TicketDetails

__all__ = [
    "SCHEMA",
    "CodeCheck",
    "Customer",
    "CustomerStore",
    "Lead",
    "LookupRefusedError",
    "LookupTools",
    "Order",
    "OrderDetails",
    "Payment",
    "Ticket",
    "TicketDetails",
    "UnreadableCodeError",
    "Verdict",
    "hash_code",
    "spoken_amount",
    "spoken_balance",
    "without_code",
    "without_numbers",
]
