import numpy as np
import pytest
import tensorflow as tf

from t2t_multimodel.training.config import TrainConfig
from t2t_multimodel.training.step import Gradients
from t2t_multimodel.training.tasks import pcgrad
from t2t_multimodel.training.trainer import make_trainer

SIZES = (4, 3, 5)


def reference(gradients, orders):
    """Algorithm 1 of Yu et al. 2020 on flat vectors."""
    total = np.zeros_like(gradients[0])
    for own, order in zip(gradients, orders):
        projected = own.copy()
        for other in order:
            product = projected @ gradients[other]
            if product < 0:
                projected -= product / (gradients[other] @ gradients[other]) * gradients[other]
        total += projected
    return total


def random_gradients(seed, problems=4):
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=size).astype(np.float32) for size in SIZES] for _ in range(problems)]


def combined(gradients, step=0, seed=0):
    found = {
        f"problem_{number}": Gradients([tf.constant(value) for value in values.values()], list(values), {})
        for number, values in enumerate(gradients)
    }
    return {place: value.numpy() for place, value in pcgrad.ProjectedConflicts(seed)(found, step).items()}


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_is_that_of_the_paper(seed):
    flat = [np.concatenate(values).astype(float) for values in random_gradients(seed)]
    orders = [np.random.default_rng(seed + own).permutation(np.delete(np.arange(4), own)).tolist() for own in range(4)]
    products = np.array([[one @ other for other in flat] for one in flat])
    weights = pcgrad.projected_weights(products, orders)
    assert (products < 0).any() and not np.allclose(weights, 1)
    np.testing.assert_allclose(weights @ flat, reference(flat, orders), rtol=1e-9, atol=1e-9)


def test_two_problems_in_conflict_and_what_only_one_reaches():
    (a, b, own_a), (c, d, own_d) = random_gradients(1, 2)
    c[:] = -a + 0.1 * c  # against one another
    found = combined([{0: a, 1: b, 2: own_a}, {0: c, 1: d, 3: own_d}])
    expected = reference([np.concatenate([a, b]), np.concatenate([c, d])], [[1], [0]])
    np.testing.assert_allclose(np.concatenate([found[0], found[1]]), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[2], own_a)
    np.testing.assert_array_equal(found[3], own_d)
    assert not np.allclose(found[0], a + c)


def test_gradients_that_agree_are_summed_and_orders_go_by_seed_and_step():
    one, other = ({0: np.array(values, np.float32)} for values in ([1, 0], [1, 1]))
    np.testing.assert_array_equal(combined([one, other])[0], [2, 1])
    several = [dict(enumerate(values)) for values in random_gradients(0)]
    assert all(np.array_equal(combined(several, 7)[p], combined(several, 7)[p]) for p in range(3))
    assert len({combined(several, step)[0].tobytes() for step in range(8)}) > 1


def train(data, folder, hparams):
    config = TrainConfig(
        problems=("mini_parsing", "mini_translate_ende"),
        hparams=hparams.override("mixing.scheme=distributed,accumulate_steps=3"),
        data_dir=str(data),
        output_dir=str(folder),
        train_steps=2,
        eval_steps=1,
        seed=4,
    )
    trainer, norms = make_trainer(config), []
    trainer.run([lambda output: norms.append(float(output.values["gradient_norm"]))])
    return {name: variable.numpy() for name, variable in trainer.model.named_variables().items()}, norms


@pytest.mark.slow
def test_a_training_takes_the_projected_sum(mini_data, small_hparams, tmp_path, monkeypatch):
    weights, norms = train(mini_data, tmp_path / "sum", small_hparams)
    projected = small_hparams.override("optimizer.combine=pcgrad")
    asked = []

    def ones(products, orders):
        asked.append((products, orders))
        return np.ones(len(products))

    monkeypatch.setattr(pcgrad, "projected_weights", ones)
    found, same = train(mini_data, tmp_path / "ones", projected)
    assert same == pytest.approx(norms, rel=1e-4)
    for name, value in weights.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
    products, orders = asked[0]
    assert products.shape == (2, 2) and products[0, 0] > 0 and orders == [[1], [0]]
