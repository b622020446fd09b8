import torch
from inside.peak import Peak
from inside.products import record
from torch.func import vmap


def test_products_are_counted_and_run_again() -> None:
    layer, x = torch.nn.Linear(3, 5), torch.rand(7, 3)
    products = record(lambda: layer(x).relu().exp())
    assert products.operations == 2 * 7 * 3 * 5
    assert products.bytes == 4 * (5 + 7 * 3 + 3 * 5 + 7 * 5)  # bias, rows, weights, outputs
    products.run()
    assert products.operations == 2 * 7 * 3 * 5


def test_products_of_draws_are_those_of_the_batch_that_vmap_makes() -> None:
    rows, weights = torch.rand(7, 3), torch.rand(50, 5, 3)
    assert record(lambda: vmap(lambda weight: rows @ weight.T)(weights)).operations == 50 * 2 * 7 * 3 * 5


def test_what_is_no_product_counts_nothing() -> None:
    assert record(lambda: torch.rand(7).exp() + 1).operations == 0


def test_a_share_is_one_of_both_peaks() -> None:
    assert Peak(100e9, 10e9).share(50e6, 1e6, 1.0) == "50%, 10%"
