"""Embeddings: what they refuse, and tables that are given."""

import pytest

import lucid
from lucid import nn

F = nn.functional
TABLE = lucid.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@pytest.mark.parametrize("wrong", [3, -1])
def test_numbers_outside_the_table(wrong):
    match = f"index {wrong} is out of range for dimension 0 of size 3"
    with pytest.raises(IndexError, match=match):
        nn.Embedding(3, 2)(lucid.tensor([0, wrong]))
    with pytest.raises(IndexError, match=match):
        nn.EmbeddingBag(3, 2)(lucid.tensor([[0, wrong]]))


def test_refusals():
    words = lucid.tensor([[0, 1]])
    with pytest.raises(ValueError, match="sparse gradients are not offered"):
        nn.Embedding(3, 2, sparse=True)
    with pytest.raises(ValueError, match="padding_idx must be from -3 to 2"):
        nn.Embedding(3, 2, padding_idx=3)
    with pytest.raises(ValueError, match=r"expects a weight of shape \(3, 3\), got \(3, 2\)"):
        nn.Embedding(3, 3, _weight=TABLE)
    with pytest.raises(TypeError, match=r"embedding expects integers, got .*float32"):
        nn.Embedding(3, 2)(words.float())
    with pytest.raises(ValueError, match="mode must be"):
        nn.EmbeddingBag(3, 2, mode="min")
    with pytest.raises(ValueError, match='per_sample_weights need mode="sum"'):
        F.embedding_bag(words, TABLE, per_sample_weights=lucid.ones(1, 2))
    with pytest.raises(ValueError, match=r"of the input's shape \(1, 2\), got \(2,\)"):
        F.embedding_bag(words, TABLE, mode="sum", per_sample_weights=lucid.ones(2))
    with pytest.raises(ValueError, match='scale_grad_by_freq is not offered with mode="max"'):
        F.embedding_bag(words, TABLE, mode="max", scale_grad_by_freq=True)
    with pytest.raises(ValueError, match="offsets with a 1-D input only"):
        F.embedding_bag(words, TABLE, lucid.tensor([0]))
    with pytest.raises(ValueError, match=r"a 2-D input, or a 1-D one with offsets, got \(2,\)"):
        F.embedding_bag(words[0], TABLE)
    with pytest.raises(ValueError, match=r"must begin with 0.*got \[0, 5\]"):
        F.embedding_bag(words[0], TABLE, lucid.tensor([0, 5]))
    with pytest.raises(ValueError, match=r"bilinear expects inputs .* got \(2, 3\), \(4, 3\)"):
        F.bilinear(lucid.ones(2, 3), lucid.ones(4, 3), lucid.ones(1, 3, 3))
    with pytest.raises(ValueError, match="one_hot of nothing needs num_classes"):
        F.one_hot(lucid.zeros(0, dtype="int64"))


def test_given_tables_are_frozen_unless_asked_for():
    assert not nn.Embedding.from_pretrained(TABLE).weight.requires_grad
    assert nn.EmbeddingBag.from_pretrained(TABLE, freeze=False, mode="sum").weight.requires_grad


def test_nothing_to_take():
    assert nn.Embedding(3, 2)(lucid.zeros(2, 0, dtype="int64")).shape == (2, 0, 2)
    empty = lucid.zeros(0, dtype="int64")
    y = nn.EmbeddingBag(3, 2)(empty, lucid.tensor([0, 0]))
    assert y.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    y.sum().backward()


def test_frequencies_of_words_in_bags():
    """As in a sum of embeddings; torch 2.13 divides by the frequencies of other rows here."""
    words = lucid.tensor([[0, 2, 2], [2, 1, 0]])
    bag = nn.EmbeddingBag.from_pretrained(
        TABLE, freeze=False, mode="sum", scale_grad_by_freq=True
    )  # fmt: skip
    (bag(words) ** 2).sum().backward()
    single = nn.Embedding.from_pretrained(TABLE, freeze=False, scale_grad_by_freq=True)
    (single(words).sum(1) ** 2).sum().backward()
    assert bag.weight.grad.tolist() == single.weight.grad.tolist()
