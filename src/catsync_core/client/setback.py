"""What to do when something cannot be had that only saves bytes: tell, and go on without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from catsync_core.errors import ContentError, NoConnectionError, RemoteError

__all__ = ["told"]


@contextmanager
def told(warn: Callable[[str], None], then: str) -> Iterator[None]:
    """Tell what goes wrong in a block with one object, and leave the block.

    A wrong answer, a refusal or a failure concerns that object, and the rest of the repository may be as it should.
    Without any answer nothing else would arrive either: what did is kept, and the next attempt goes on from there.

    Args:
        warn: Told in a sentence.
        then: What happens now, for the end of that sentence.

    Raises:
        NoConnectionError: (remote) the backend cannot be reached, or breaks off.
    """
    try:
        yield
    except NoConnectionError:
        raise
    except (ContentError, RemoteError) as error:
        warn(f"{error.message}; {then}")
