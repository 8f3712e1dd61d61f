"""What the decoders are built of."""

import torch

from models.style.layers import Multihot


def test_an_embedding_that_is_looked_up_is_the_matrix_product_of_training() -> None:
    torch.manual_seed(0)
    embed = Multihot([3, 5, 2], 8)
    fields = [torch.tensor([[0, 2, -1], [1, -1, -1]]), torch.tensor([[4, -1, -1], [0, 3, -1]])]
    fields.append(torch.tensor([[1, 0, -1], [0, -1, -1]]))  # one is absent, two are, all are
    product = embed(fields)
    with torch.no_grad():
        looked_up = embed(fields)
    assert product.requires_grad
    torch.testing.assert_close(looked_up, product.detach())
    torch.testing.assert_close(looked_up[0, 2], embed.weight[-1].detach())  # absent is one summand
