import numpy as np
from lstmopt_sobol import lstmopt_samplers, make, place

from lstmopt import Space
from lstmopt.search_space import parse_space
from lstmopt.testing import SamplerContract

(STRATEGY,) = lstmopt_samplers()


class TestContract(SamplerContract):
    strategy = STRATEGY


def test_every_choice_comes_as_often_as_any_other():
    space = parse_space({"hidden_size": [8, 16, 32, 64], "optimizer": ["Adam", "AdamW"]})
    sampler = make(study_seed=3, space=space)
    sizes = [
        place(space.parameters["hidden_size"].distribution(), sampler._point(n)[0])
        for n in range(64)
    ]
    assert [sizes.count(size) for size in (8, 16, 32, 64)] == [16] * 4


def test_a_prefix_covers_a_range_evenly():
    space: Space = parse_space({"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}})
    sampler = make(study_seed=0, space=space)
    shares = np.sort([sampler._point(n)[0] for n in range(32)])
    assert np.diff(shares).max() < 2 / 32
