"""How Sphinx builds the documentation. Nothing is fetched: it builds without a network."""

from __future__ import annotations

from catsync_core import __version__

project = "catsync"
author = "The catsync developers"
project_copyright = "The catsync developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False  # docstrings name classes of the standard library, and their pages are elsewhere

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of a struct stand in its docstring, once

html_theme = "furo"
html_title = f"catsync {release}"
html_show_sourcelink = False
