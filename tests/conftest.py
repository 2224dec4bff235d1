"""Fixtures of all tests."""

from tests.postgres import database_url, postgresql

__all__ = ["database_url", "postgresql"]
