"""A step in which each replica trains a problem of its own: the paper's distributed training, in step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence

import tensorflow as tf

from t2t_multimodel.data.input.parsing import batch_signature
from t2t_multimodel.errors import HParamsError
from t2t_multimodel.layers.seeds import SeedStream
from t2t_multimodel.runs.task import Task
from t2t_multimodel.training.distribution.accumulation import Accumulation
from t2t_multimodel.training.distribution.devices import LocalDevices
from t2t_multimodel.training.step import Gradients, count_targets, part_gradients
from t2t_multimodel.training.tasks.pcgrad import ProjectedConflicts
from t2t_multimodel.training.watch.intervals import MIXTURES


@dataclasses.dataclass(frozen=True)
class Part:
    """What one replica trains in a step.

    Attributes:
        task: the problem.
        weight: of its loss.
        batch: as `ProblemInput` gives it; None on a process that does not have the replica.
    """

    task: Task
    weight: float
    batch: Mapping[str, tf.Tensor] | None


class JointStep:
    """A train step of several parts, each of them one problem's batch on one replica.

    The loss is the mean over the parts; that of a part is the mean label-smoothed cross entropy over its real targets,
    times the problem's weight, plus the mixtures' balance loss over its batch. A variable that no part depends on is
    not updated. With `optimizer.combine` ``"pcgrad"`` the problems' gradients are summed by PCGrad, on one device.

    Args:
        accumulation: of the model.
        devices: of its strategy.
        seed: of dropout and gate noise.
        parts: number of parts of a step, a multiple of the number of replicas; part p belongs to replica
            `p % replicas`.

    Raises:
        HParamsError: PCGrad shall work on several devices.

    Call arguments:
        parts: one `Part` for each.
        step: number of the step, int64.

    Returns:
        what `make_train_step`'s step gives, where losses and accuracies are means over the parts; and the values of
        each part alone, where ``loss`` and ``token_accuracy`` are its own.
    """

    def __init__(self, accumulation: Accumulation, devices: LocalDevices, *, seed: int, parts: int):
        self._accumulation, self._devices, self._seed, self._parts = accumulation, devices, seed, parts
        self._model = accumulation.model
        self._functions: dict[tuple[Hashable, int], Callable] = {}
        self._reached: dict[Hashable, list[int]] = {}
        self._combine = ProjectedConflicts(seed) if self._model.hparams.optimizer.combine == "pcgrad" else None
        if self._combine is not None and devices.count > 1:
            raise HParamsError(
                f"hparam optimizer.combine=pcgrad does not work with {devices.count} devices; give"
                " --strategy=one_device or optimizer.combine=sum"
            )

    def __call__(
        self, parts: Sequence[Part], step: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], list[dict[str, tf.Tensor]]]:
        reached = sorted({place for part in parts for place in self._reached_by(part.task)})
        results = self._devices.run([self._work_of(place, parts, step) for place in range(len(self._devices))])
        if self._combine is not None:
            results = [self._combined(parts, results[0], int(step))]
        rounds = [self._devices.per_replica(one) for one in zip(*results)]
        values = self._accumulation.apply(reached, rounds, step)
        return self._summary(values), [self._of_part(values, number) for number in range(self._parts)]

    def _combined(self, parts: Sequence[Part], results: Sequence[tuple], step: int) -> list[dict[str, tf.Tensor]]:
        """Puts the gradients of the parts, summed by PCGrad, into the sums; gives the parts' results."""
        by_problem: dict[str, Gradients] = {}
        for part, (values, _) in zip(parts, results):
            if (before := by_problem.get(part.task.name)) is not None:  # a problem may have several parts
                values = [one + other for one, other in zip(before.values, values)]
            by_problem[part.task.name] = Gradients(values, self._reached_by(part.task), {})
        total = self._combine(by_problem, step)
        self._accumulation.add(Gradients(list(total.values()), list(total), {}), self._accumulation.sums)
        return [result for _, result in results]

    def _work_of(self, place: int, parts: Sequence[Part], step: tf.Tensor) -> Callable[[], list[dict[str, tf.Tensor]]]:
        """What the device at `place` of this process does: its parts, one after the other."""
        replicas, replica = self._devices.count, self._devices.replicas[place]
        numbers = range(replica, self._parts, replicas)
        functions = [self._function(parts[number].task, place) for number in numbers]

        def work():
            results = []
            for turn, (number, add_part) in enumerate(zip(numbers, functions)):
                part, noise = parts[number], step * len(numbers) + turn
                scalars = tf.constant(part.task.command), tf.constant(part.weight, tf.float32), tf.constant(number)
                results.append(add_part(part.batch, *scalars, noise))
            return results

        return work

    def _reached_by(self, task: Task) -> list[int]:
        """Places of the variables that a problem depends on, also where another process trains it."""
        key = task.step_key(self._model.hparams.modalities)
        if key not in self._reached:
            self._function(task, 0)  # tracing finds them
        return self._reached[key]

    def _function(self, task: Task, place: int) -> Callable:
        """The traced gradients of the tasks with this one's modality nets and batch signature, on one device."""
        key = task.step_key(self._model.hparams.modalities)
        if (key, place) not in self._functions:
            self._functions[key, place] = self._devices.bind(self._make(task, key, place), place)
        return self._functions[key, place]

    def _make(self, task: Task, key: Hashable, place: int) -> Callable:
        model, devices, replica = self._model, self._devices, self._devices.replicas[place]
        signature = batch_signature(task.problem.inputs, task.problem.targets, model.hparams.modalities)
        variables = devices.variables([variable.value for variable in model.trainable_variables], place)
        sums = devices.variables(self._accumulation.sums, place)
        scalars = [tf.TensorSpec([], dtype) for dtype in (tf.int32, tf.float32, tf.int32, tf.int64)]

        @tf.function(autograph=False, input_signature=[signature, *scalars])
        def add_part(batch, command, weight, number, noise):
            targets = tf.maximum(count_targets(task, batch), 1.0)
            gradients = part_gradients(
                model,
                task,
                {**batch, "command": command},
                variables,
                weight=weight / self._parts,
                total=targets,
                parts=self._parts,
                seed=SeedStream(self._seed, noise, replica),
            )
            self._reached[key] = gradients.reached
            results = self._in_its_place({**gradients.results, "targets": targets}, number)
            if self._combine is not None:
                return gradients.values, results
            self._accumulation.add(gradients, sums)
            return results

        return add_part

    def _in_its_place(self, results: Mapping[str, tf.Tensor], number: tf.Tensor) -> dict[str, tf.Tensor]:
        """Results `[parts, ...]` that are zero but at this part's number, so that their sum holds those of all."""
        if experts := self._model.hparams.mixture.num_experts:
            results = {**{name: tf.zeros([experts]) for name in MIXTURES}, **results}
        return {
            name: tf.scatter_nd([[number]], value[tf.newaxis], tf.concat([[self._parts], tf.shape(value)], 0))
            for name, value in results.items()
        }

    def _summary(self, values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        means = {name: tf.reduce_mean(values[name]) for name in ("loss", "token_accuracy")}
        sums = {name: tf.reduce_sum(values[name]) for name in ("mixture_loss", "targets")}
        return {**means, **sums, **{name: values[name] for name in ("gradient_norm", "learning_rate", "skipped")}}

    def _of_part(self, values: Mapping[str, tf.Tensor], number: int) -> dict[str, tf.Tensor]:
        return {name: value[number] if value.shape.rank else value for name, value in values.items()}
