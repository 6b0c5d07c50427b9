"""Where one catalog comes from: the repository that offers it, as far as it is known, and how to ask it for news."""

from __future__ import annotations

from catsync_core.backends.wrapper import BackendWrapper, find_layer
from catsync_core.client.sources import Source, Sources
from catsync_core.client.usage import Usage
from catsync_core.errors import NoConnectionError, NotFoundError, RemoteError
from catsync_core.format.index import CatalogSummary
from catsync_core.transfer.repository import Repository

__all__ = ["Origin"]


class Origin:
    """A catalog's repository.

    Args:
        catalog: Id.
        source: The repository as it was last seen; None when none offers the catalog any more.
        sources: All repositories.
    """

    def __init__(self, catalog: str, source: Source | None, sources: Sources) -> None:
        self._catalog = catalog
        self._sources = sources
        self.source = source

    @property
    def head(self) -> CatalogSummary | None:
        """The newest version that is known; None when no repository offers the catalog."""
        return self.source.index.catalogs.get(self._catalog) if self.source else None

    def offered(self) -> CatalogSummary:
        """Return the newest version that is known.

        Raises:
            NotFoundError: (local) no repository offers the catalog.
        """
        head = self.head
        if head is None:
            raise NotFoundError(
                f"No repository offers {self._catalog} any more", hint="A local copy stays until you delete it"
            )
        return head

    def connect(self) -> tuple[Repository, Usage]:
        """Open the repository, and begin to count what is used of it; nothing is contacted yet.

        Raises:
            NotFoundError: (local) no repository offers the catalog.
        """
        if self.source is None:
            raise NotFoundError(f"No repository offers {self._catalog} any more", hint="`catsync add REPO` adds one")
        repository = self._sources.open(self.source.row.url)
        return repository, Usage(repository)

    def prepare(self) -> None:
        """Let the backend begin what it needs to be asked, such as to connect, while other work is done.

        Raises:
            CatsyncError: it cannot even be opened.
        """
        if self.source is not None:
            layer = find_layer(self._sources.open(self.source.row.url).backend, BackendWrapper)
            if layer is not None:
                layer.prepare()

    def ask(self) -> None:
        """Ask for news: one request.

        Raises:
            RemoteError: (remote) the repository cannot be asked.
        """
        if self.source is not None:
            self.source = self._sources.check(self.source)

    def require_reachable(self) -> None:
        """Ask for news before the local copy goes, so that something can be read afterwards.

        Raises:
            NoConnectionError: (remote) nothing could be read then.
        """
        if self.source is None:
            raise NoConnectionError(
                f"No repository offers {self._catalog} any more, so nothing could be read after deleting the local"
                " copy",
                hint="The copy stays for now and can be read. `--force` deletes it all the same",
            )
        try:
            self.ask()
        except RemoteError as error:
            raise NoConnectionError(
                f"{self.source.row.shown} cannot be reached, so nothing of {self._catalog} could be read afterwards"
                f" ({error.message})",
                hint="The copy stays until the repository can be reached; repeat the command then. `--force` deletes"
                " it now",
            ) from error
