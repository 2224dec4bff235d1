"""Everything that a phone call needs, on loopback, so that a demo, a test and a newcomer need no account.

The parts are imported where they are used, because some bring speech models with them:

- :mod:`voiceagent.sandbox.exchange`: a telephone exchange that speaks the wire protocol.
- :mod:`voiceagent.sandbox.live`: a server of the Gemini Live protocol that plays a scenario.
- :mod:`voiceagent.sandbox.caller`: people who phone, listen, interrupt and hang up.
- :mod:`voiceagent.sandbox.sandbox`: exchange and live server together.
- :mod:`voiceagent.sandbox.operator`: a client of the exchange's operator API.
"""
