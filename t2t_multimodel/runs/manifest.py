"""What a run is: kept as JSON beside its checkpoints, read by whoever continues, evaluates or decodes it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterable

from t2t_multimodel import registry
from t2t_multimodel.data.problem import Problem
from t2t_multimodel.data.storage import write_atomically
from t2t_multimodel.data.vocabulary.vocabulary import Vocabulary
from t2t_multimodel.errors import CheckpointError, HParamsError, VocabularyError
from t2t_multimodel.hparams.base import HParams
from t2t_multimodel.model import MultiModel
from t2t_multimodel.runs.task import Task

FILE = "model.json"
_VERSION = 1


@dataclasses.dataclass
class Manifest:
    """Hyperparameters, problems and vocabulary of a run.

    Attributes:
        hparams: of the model and its training.
        problems: names of the problems trained so far.
        commands: id of each command token.
        vocab_size: ids of the vocabulary.
        vocab_fingerprint: of the vocabulary, "" where no problem has text.
        seed: of initialisation, order and noise.
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
            CheckpointError: there is none, or it is damaged.
        """
        path = pathlib.Path(output_dir) / FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data.pop("version") != _VERSION:
                raise CheckpointError(f"{path} is of another version of this project; train again")
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
        write_atomically(pathlib.Path(output_dir) / FILE, json.dumps(data, indent=1, sort_keys=True).encode())

    def tasks(self, names: Iterable[str]) -> list[Task]:
        """Tasks of the named problems, all of which must share the run's commands.

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
        """A new model of this run, with all variables; initialised from the seed."""
        import keras

        keras.utils.set_random_seed(self.seed)
        return MultiModel(self.hparams, vocab_size=self.vocab_size, specs=self.specs_by_key().values())

    def check_vocabulary(self, vocabulary: Vocabulary | None, data_dir: str | pathlib.Path) -> None:
        """Raises a VocabularyError unless `vocabulary` is the one the model was trained with."""
        if self.vocab_fingerprint and (vocabulary is None or vocabulary.fingerprint != self.vocab_fingerprint):
            found = vocabulary.fingerprint if vocabulary else "none"
            raise VocabularyError(
                f"the vocabulary in {data_dir} ({found}) is not the one the model was trained with"
                f" ({self.vocab_fingerprint}); give the --data_dir of the training"
            )

    def merged(self, other: Manifest) -> Manifest:
        """This manifest, continued by a run that asks for `other`: its problems and commands joined.

        Raises:
            HParamsError: the two models differ in structure.
            VocabularyError: the two use different vocabularies.
        """
        for group in ("body", "mixture", "modalities"):
            if getattr(self.hparams, group) != getattr(other.hparams, group):
                raise HParamsError(
                    f"--output_dir holds a model with other hparams in group {group!r};"
                    " give the same --hparams_set and --hparams, or a new --output_dir"
                )
        if self.vocab_fingerprint != other.vocab_fingerprint:
            raise VocabularyError(
                "--output_dir holds a model of another vocabulary; give the --data_dir it was trained with,"
                " or a new --output_dir"
            )
        commands = dict(self.commands)
        for command in other.commands:
            commands.setdefault(command, len(commands))
        problems = list(dict.fromkeys([*self.problems, *other.problems]))
        return dataclasses.replace(other, problems=problems, commands=commands)


def new_manifest(hparams: HParams, problems: list[Problem], vocabulary: Vocabulary | None, seed: int) -> Manifest:
    """The manifest of a new run.

    Raises:
        HParamsError: more command tokens than the model has rows.
    """
    commands = sorted({problem.command for problem in problems if problem.command})
    if len(commands) > hparams.body.max_commands:
        raise HParamsError(f"{len(commands)} command tokens; raise body.max_commands={hparams.body.max_commands}")
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
