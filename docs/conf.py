"""Settings of the documentation: `make docs` builds it, without the network and with warnings as errors."""

from __future__ import annotations

import voiceagent

project = "voiceagent"
author = "The voiceagent authors"
copyright = author
version = release = voiceagent.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"voiceagent {release}"
html_show_copyright = False
html_show_sphinx = False
