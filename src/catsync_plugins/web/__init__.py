"""``catsync ui``: the sync screen in the browser."""
