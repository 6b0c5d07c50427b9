"""A device's local storage of offline versions: plain files, one pointer, one commit point.

Every function that changes something expects its caller to hold :meth:`~catsync_core.store.layout.CatalogStore.lock`
and to have called :func:`~catsync_core.store.commit.recover` at the start of the job. Reading needs no lock.
"""
