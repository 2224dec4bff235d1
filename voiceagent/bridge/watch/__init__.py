"""The rules by which :mod:`..watchdogs` watches a conversation, one file each."""
