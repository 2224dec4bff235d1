"""The public package telcoflow 1.0.0, as PyPI has it, makes whole calls against the sandbox's exchange.

The protocol of the call plane was learnt from this package, so it is what the exchange is held against. The
package is not changed, not copied, and not even importable here: it is installed into ``.tools/`` (``make
test`` does that, from ``telcoflow-1.0.0.txt``), and programs that use it run there as processes of their own.
The exchange runs in the loop of the test, on the wall clock, which lets a test see both ends of a call.

What is proven, and where:

===========================  ========================================================================
``test_package.py``          it is the published package, and it sees nothing of this project
``test_audio.py``            every byte of an echo at 8, 16 and 24 kHz, short tails, interruptions,
                             isolated legs, several calls at once
``test_parties.py``          connect; who hears the agent that whispers, barges in or spies; callees
                             that do not answer or decline
``test_endings.py``          hangups by either party, close, disconnect, reject, a media link that breaks
``test_control.py``          wrong keys, races for a call, routing, listing, lost and refused control links
``test_tls.py``              the same over TLS, with a key and with a client certificate
``test_hand_off.py``         calls handed over between this package and ours, both ways
===========================  ========================================================================

The pieces: ``official.py`` runs programs, ``office.py`` puts an exchange and a program together, and the
programs are ``program.py`` (does what a test says, line by line) and ``echo.py`` (stands on its own).
"""
