"""The variants of `unifer ablate` trained, asked and compared.

Each stage runs in a process of its own, and once.

Knows the order of the work and its files; which trainings there are, `ablation_plan` says.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files
from unifer.cli import infer
from unifer.cli.ablation_plan import Ablations, Chain, Training, digest, maker, plan
from unifer.cli.console import say
from unifer.cli.stages import Stages, as_flags, command, training, unifer
from unifer.datasets import DatasetSpec, load_dataset
from unifer.errors import InputError
from unifer.questions import find_questions, read_questions
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.report.ablations import AblationTable


def study(run: Ablations, config: Path, names: Sequence[str]) -> None:
    """Do what is not done yet for the variants `names`, the reference first; the table stands after each.

    Raises InputError before the first training for whatever a later one would be refused for, and where a
    stage fails.
    """
    started = time.monotonic()
    held_out = [_dataset(folder, config) for folder in run.heldout]
    chains = plan(run, config, names)
    this = Study(
        run,
        chains,
        held_out,
        Stages(run.out / "stages.json", {"command": "ablate"}, "start over with --fresh"),
    )
    this.check_questions()
    this.check_settings(config)
    before = sum(this.stages.seconds.values())
    for number, name in enumerate(names, 1):
        print(f"\n{name} ({number} of {len(names)}): {run.variants[name].changes()}", flush=True)
        done = len(this.stages.seconds)
        this.train(name)
        this.answer(name)
        if number > 1 and (len(this.stages.seconds) > done or number == len(names)):
            this.compare(names[:number])
    work, took = sum(this.stages.seconds.values()) - before, time.monotonic() - started
    print(
        f"trainings and answers took {work:.0f} s of the {took:.0f} s of this command; wrote "
        f"{os.path.relpath(run.out)}"
    )


@dataclass(frozen=True)
class Study:
    """The variants of a table as they are trained and asked.

    `stages` holds the finished trainings and answers by fingerprint.
    """

    run: Ablations
    chains: dict[str, Chain]
    held_out: list[DatasetSpec]
    stages: Stages

    def check_questions(self) -> None:
        """Refuse questions, pictures and flags that `unifer infer` would refuse once the models are trained.

        Raises InputError.
        """
        for model, spec in itertools.product({chain.start for chain in self.chains.values()}, self.held_out):
            infer.refuse(["--model", model, *self._asking(spec)])

    def check_settings(self, config: Path) -> None:
        """Refuse what a training to come would refuse: else a typo in the last variant shows after days.

        Raises InputError.
        """
        todo = {
            each.key: (f"{config}: variants.{name}.{each.stage}", each)
            for name, chain in self.chains.items()
            for each in chain.trainings
        }
        todo = {key: found for key, found in todo.items() if key not in self.stages.seconds}
        if todo:
            with ProcessPoolExecutor(1) as pool:  # TRL would stay in our memory, 0.7 GB beside every training
                pool.submit(_refuse_settings, list(todo.values()), self.run.processes).result()

    def train(self, name: str) -> None:
        """The trainings of the variant that no variant before had."""
        for each in self.chains[name].trainings:
            self.stages.run(each.key, f"{each.stage.upper()} of {name!r}", partial(self._train, each))

    def _train(self, this: Training) -> None:
        folder = Path(this.settings["output_dir"])
        config = folder.with_name(f"{this.key}.yaml")
        _write_config(config, this)
        command(
            training(this.stage, config),
            **({} if self.run.processes is None else {"NPROC": str(self.run.processes)}),
        )
        # A finished training never goes on; of a 7B model each of these is 124 GB.
        for checkpoint in folder.glob("checkpoint-*"):
            shutil.rmtree(checkpoint)

    def answer(self, name: str) -> None:
        """The variant's replies to the held-out questions."""
        for spec in self.held_out:
            out = self._answers(name, spec)
            ask = unifer("infer", "--model", self.chains[name].model, "--out", str(out), *self._asking(spec))
            self.stages.run(out.stem, f"{name!r} answers {spec.title}", partial(command, ask))

    def _asking(self, spec: DatasetSpec) -> list[str]:
        return ["--dataset-dir", str(spec.folder), *as_flags(self.run.evaluation, "-")]

    def _answers(self, name: str, spec: DatasetSpec) -> Path:
        """The file of its replies, named by what is asked of whom, and how."""
        asked = {
            "model": self.chains[name].key,
            "questions": files.sha256(find_questions(spec, None)),
            "how": self.run.evaluation,
        }
        return self.run.out / "answers" / f"{spec.name}-{digest(asked)}.jsonl"

    def compare(self, names: Sequence[str]) -> None:
        """Hold the variants `names` against the first of them; on screen, and in the run's folder."""
        from unifer.report import ablations

        table = self._table(names)
        say(f"\n{ablations.table_text(table)}\n")
        out = self.run.out
        files.write_json(
            out / "ablations.json",
            {"variants": {name: self._found(name) for name in names}, **table.to_json()},
        )
        files.write_text(out / "ablations.md", ablations.table_markdown(table))
        ablations.table_png(out / "ablations.png", table)

    def _table(self, names: Sequence[str]) -> AblationTable:
        from unifer.evaluate.loading import PredictionFile
        from unifer.evaluate.run_files import Selected
        from unifer.evaluate.statistics.comparison import compare
        from unifer.report.ablations import AblationTable

        runs = [
            Selected(spec, PredictionFile(name, self._answers(name, spec)))
            for name in names
            for spec in self.held_out
        ]
        questions = [question for spec in self.held_out for question in read_questions(spec.questions, spec)]
        there = {
            "war": any(question.true_label is not None for question in questions),
            "au_f1": any(question.action_units is not None for question in questions),
        }
        measures = [measure for measure, told in there.items() if told]
        found = {measure: compare(runs, measure=measure, baseline=names[0]) for measure in measures}
        return AblationTable({name: self.run.variants[name].changes() for name in names}, found)

    def _found(self, name: str) -> Json:
        """Where the variant's model and replies lie, and how long they took.

        A shared training counts for each variant that shares it.
        """
        chain, answers = self.chains[name], [self._answers(name, spec) for spec in self.held_out]
        done = [*(each.key for each in chain.trainings), *(path.stem for path in answers)]
        return {
            "changes": self.run.variants[name].changes(),
            "model": os.path.relpath(chain.model, self.run.out)
            if chain.trainings
            else Path(chain.model).name,
            "answers": [os.path.relpath(path, self.run.out) for path in answers],
            "seconds": {key: self.stages.seconds[key] for key in done},
        }


def _dataset(folder: Path, config: Path) -> DatasetSpec:
    if not folder.is_dir():
        raise InputError(
            f"{config}: heldout: {folder}: no such folder; one with a dataset.yaml is expected{maker(folder)}"
        )
    return load_dataset(folder)


def _refuse_settings(trainings: Sequence[tuple[str, Training]], processes: int | None) -> None:
    """Read each config as TRL does; `trainings` come with where they stand."""
    from unifer.train.doctor import examination

    with tempfile.TemporaryDirectory() as folder:
        for at, each in trainings:
            path = Path(folder) / f"{each.key}.yaml"
            _write_config(path, each)
            try:
                examination.read_plan(
                    each.stage, ["--config", str(path)], processes or examination.planned_gpus(None)
                )
            except InputError as error:
                raise InputError(f"{at}: {str(error).removeprefix(f'{path}: ')}") from None


def _write_config(path: Path, this: Training) -> None:
    """The whole config of a training, by which it can be run alone too."""
    import yaml

    files.write_text(path, yaml.safe_dump(this.settings, sort_keys=False, allow_unicode=True))
