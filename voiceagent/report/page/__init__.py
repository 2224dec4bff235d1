"""``report.html``: a call to look at and to listen to, in one file.

:func:`make_page` makes it from ``report.json`` and ``call.wav``, so it can be made again at any time.
"""

from voiceagent.report.page.making import PAGE, make_page, make_page_beside

__all__ = ["PAGE", "make_page", "make_page_beside"]
