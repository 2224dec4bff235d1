"""Imports of the packages that only the sandbox needs, with an error that says how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType


def need(module: str) -> ModuleType:
    """Import ``module``, which the extra ``sandbox`` brings.

    Raises:
        ImportError: it is not installed; the text says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the sandbox needs the package {module!r}: pip install 'voiceagent[sandbox]'", name=module
        ) from error
