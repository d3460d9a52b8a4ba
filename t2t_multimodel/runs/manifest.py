"""What a run is: a JSON file beside its checkpoints that tells how to build the model again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import random
from collections.abc import Iterable, Iterator

from t2t_multimodel import registry
from t2t_multimodel.data import storage
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.vocabulary.load import AnyVocabulary
from t2t_multimodel.errors import CheckpointError, HParamsError, VocabularyError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.layout import MANIFEST as FILE
from t2t_multimodel.runs.task import Task

_VERSION = 2


@dataclasses.dataclass
class Manifest:
    """Hyperparameters, problems and vocabulary of a run.

    Attributes:
        hparams: of the model and its training.
        problems: names of the problems trained so far.
        commands: id of each command token.
        vocab_size: number of ids in the vocabulary.
        vocab_fingerprint: of the vocabulary, "" where no problem has text.
        seed: of initialization, order and noise.
    """

    hparams: HParams
    problems: list[str]
    commands: dict[str, int]
    vocab_size: int
    vocab_fingerprint: str
    seed: int

    @classmethod
    def load(cls, output_dir: str | pathlib.Path) -> Manifest:
        """Reads the manifest of a run.

        Raises:
            CheckpointError: it is missing, damaged or of another version.
        """
        path = storage.at(output_dir) / FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            version = data.pop("version")
            if version != _VERSION:
                raise CheckpointError(
                    f"{path} is of version {version}, and this release reads version {_VERSION}, whose folders also"
                    " hold the vocabulary and the class names; train again into a new --output_dir"
                )
            hparams = HParams.from_json(json.dumps(data.pop("hparams")))
            return cls(hparams=hparams, **data)
        except FileNotFoundError:
            raise CheckpointError(
                f"no trained model in {output_dir} ({FILE} is missing); run t2t-trainer with --output_dir={output_dir}"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} is damaged ({error}); restore it or train again") from error

    def save(self, output_dir: str | pathlib.Path) -> None:
        """Writes the manifest atomically."""
        data = {**vars(self), "version": _VERSION, "hparams": json.loads(self.hparams.to_json())}
        storage.write_atomically(storage.at(output_dir) / FILE, json.dumps(data, indent=1, sort_keys=True).encode())

    def tasks(self, names: Iterable[str]) -> list[Task]:
        """Tasks of the named problems.

        Raises:
            CheckpointError: a problem's command token or modality was never trained.
        """
        tasks, nets = [], self.specs_by_key()
        for name in names:
            problem = registry.problem(name)
            missing = problem.command and problem.command not in self.commands
            if missing or problem.inputs.key not in nets or problem.targets.key not in nets:
                raise CheckpointError(
                    f"the model was trained on {', '.join(self.problems)} and cannot serve {name}; train it on {name}"
                )
            tasks.append(Task(problem, self.commands.get(problem.command, 0)))
        return tasks

    def specs_by_key(self) -> dict:
        """Specs of all modality nets by key."""
        problems = [registry.problem(name) for name in self.problems]
        return {spec.key: spec for problem in problems for spec in (problem.inputs, problem.targets)}

    def make_model(self) -> MultiModel:
        """A new model of this run with all its variables.

        Their initial values are a function of the seed. The process's global random states stay as they are.
        """
        with _python_random(self.seed):
            return MultiModel(self.hparams, vocab_size=self.vocab_size, specs=self.specs_by_key().values())

    def merged(self, other: Manifest) -> Manifest:
        """This manifest, continued by a run that asks for `other`: problems and commands of both.

        A run that continues on problems without text keeps the vocabulary.

        Raises:
            HParamsError: the two models differ in structure, the optimizers differ, or there are too many commands.
            VocabularyError: the two use different vocabularies.
        """
        self._check_hparams(other.hparams)
        if other.vocab_fingerprint not in ("", self.vocab_fingerprint):
            raise VocabularyError(
                "--output_dir holds a model of another vocabulary; give the --data_dir it was trained with,"
                " or a new --output_dir"
            )
        commands = dict(self.commands)
        for command in other.commands:
            commands.setdefault(command, len(commands))
        _check_command_count(commands, self.hparams)
        return dataclasses.replace(
            other,
            problems=list(dict.fromkeys([*self.problems, *other.problems])),
            commands=commands,
            vocab_size=self.vocab_size,
            vocab_fingerprint=self.vocab_fingerprint,
        )

    def _check_hparams(self, other: HParams) -> None:
        """Raises an HParamsError unless a model and optimizer with `other` can take the weights of this run."""
        for group in ("body", "mixture", "modalities"):
            if getattr(self.hparams, group) != getattr(other, group):
                raise HParamsError(
                    f"--output_dir holds a model with other hparams in group {group!r};"
                    " give the same --hparams_set and --hparams, or a new --output_dir"
                )
        if self.hparams.optimizer.freeze != other.optimizer.freeze:
            raise HParamsError(
                f"--output_dir holds a run of optimizer.freeze={self.hparams.optimizer.freeze!r}, whose optimizer has"
                " no state of the frozen variables; give the same, or a new --output_dir with"
                " --warm_start_from=THIS_RUN"
            )
        before, now = self.hparams.optimizer.name, other.optimizer.name
        if before != now:
            raise HParamsError(
                f"--output_dir holds a run of optimizer.name={before}, whose state {now} cannot continue; give"
                f" optimizer.name={before}, or a new --output_dir with --warm_start_from=THIS_RUN"
            )


def _check_command_count(commands: Iterable[str], hparams: HParams) -> None:
    count = len(list(commands))
    if count > hparams.body.max_commands:
        raise HParamsError(
            f"the problems have {count} command tokens, body.max_commands={hparams.body.max_commands};"
            " raise it in a new --output_dir, or train fewer problems"
        )


@contextlib.contextmanager
def _python_random(seed: int) -> Iterator[None]:
    """Within the block Python's generator starts from `seed`: Keras' initializers draw their seeds from it."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def new_manifest(hparams: HParams, problems: list[Problem], vocabulary: AnyVocabulary | None, seed: int) -> Manifest:
    """The manifest of a new run.

    Args:
        hparams: all hparams.
        problems: what is trained.
        vocabulary: of the data, or None where no problem has text.
        seed: of initialization, order and noise.

    Raises:
        HParamsError: there are more command tokens than `body.max_commands`.
        VocabularyError: a problem has text, but there is no vocabulary.
    """
    commands = sorted({problem.command for problem in problems if problem.command})
    _check_command_count(commands, hparams)
    has_text = any(problem.uses_vocabulary for problem in problems)
    if has_text and vocabulary is None:
        raise VocabularyError("the data folder has no vocabulary; run t2t-datagen, or t2t-trainer --generate_data")
    return Manifest(
        hparams=hparams,
        problems=[problem.name for problem in problems],
        commands={command: i for i, command in enumerate(commands)},
        vocab_size=vocabulary.size if vocabulary else 2,
        vocab_fingerprint=vocabulary.fingerprint if vocabulary and has_text else "",
        seed=seed,
    )
