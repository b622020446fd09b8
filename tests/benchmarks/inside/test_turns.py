from inside.turns import milliseconds


def test_pieces_take_turns_after_one_that_warms_up() -> None:
    done: list[str] = []
    times = milliseconds({"a": lambda: done.append("a"), "b": lambda: done.append("b")}, 3)
    assert done == ["a", "b"] * 4
    assert times.keys() == {"a", "b"}
    assert min(times.values()) >= 0
