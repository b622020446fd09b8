"""Places: as many as there are, half of them at most for one client, and free again however the work ends."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from service.errors import OverloadedError
from service.scheduling.places import Places


def test_no_client_takes_the_places_of_others() -> None:
    places = Places(4)
    with ExitStack() as taken:
        for client in ("a", "a", "b"):
            taken.enter_context(places.take(client))
        with pytest.raises(OverloadedError, match="there are 3 requests of this kind, 2 of them yours"):
            taken.enter_context(places.take("a"))
        taken.enter_context(places.take("c"))
        with pytest.raises(OverloadedError, match="there are 4 requests of this kind, 0 of them yours"):
            taken.enter_context(places.take("d"))
    with pytest.raises(ZeroDivisionError), places.take("a"), places.take("a"):
        raise ZeroDivisionError
    with places.take("a"), places.take("a"), pytest.raises(OverloadedError, match="there are 2 requests"):
        places.enter("a")


def test_a_single_place_is_anybodys() -> None:
    places = Places(1)
    with places.take("a"), pytest.raises(OverloadedError, match="there are 1 requests"):
        places.enter("b")
