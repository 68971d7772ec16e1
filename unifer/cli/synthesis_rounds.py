"""One round of self-synthesis: a folder, and the stages that fill it.

Training and asking are commands in processes of their own.

Knows the order of a round and its files; what is asked, kept and chosen is `prepare/synthesis`, what a round
is worth `synthesis_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from unifer import files, runs
from unifer.append_log import AppendLog
from unifer.cli import synthesis_results as results
from unifer.cli.stages import Stages, as_flags, command, share_of_machine, side_by_side, training, unifer
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.prepare.synthesis import choosing, correcting, mixing, pool, quality, review
from unifer.prepare.synthesis import pool as pools
from unifer.prepare.synthesis.choosing import Choice
from unifer.prepare.synthesis.pool import Links, Pool, PoolFace
from unifer.prepare.synthesis.settings import GrpoSettings, SftSettings, Synthesis
from unifer.records import Json, Prediction

if TYPE_CHECKING:
    from unifer.models.checkpoints import Checkpoint


@dataclass(frozen=True)
class Start:
    """What a run starts from: its model, the base that SFT may start from, the held-out questions."""

    model: Checkpoint
    base: Checkpoint | None
    held_out: DatasetSpec


@dataclass(frozen=True)
class Round:
    """Round `number`, which begins with `model`."""

    config: Synthesis
    pool: Pool
    number: int
    model: Checkpoint
    start: Start

    @property
    def folder(self) -> Path:
        return self.config.out / f"round_{self.number}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def name(self) -> str:
        """The name of the round's model."""
        return f"{self.start.model.name}-R{self.number}"

    @cached_property
    def faces(self) -> Mapping[str, PoolFace]:
        """The faces that are asked about, by key."""
        chosen = pools.drawn(self.pool.faces, self.config.generation.faces, self.config.seed)
        return {face.key: face for face in chosen}

    @cached_property
    def links(self) -> Links:
        return Links(self.data, self.config.image_root, (*self.config.pool_files, self.config.cot))

    def checkpoint(self) -> Checkpoint:
        """The round's finished model."""
        from unifer.models.checkpoints import find_checkpoint

        return find_checkpoint(str(self.folder / self.name), self.folder, flag="the round's model")

    def run(self) -> Json:
        """Do what is not done yet; what scores.json holds."""
        origin = {"round": self.number, "teacher": self.model.describe()}
        manifest = self.folder / "manifest.json"
        if not manifest.exists():
            files.write_json(
                manifest, runs.manifest("synthesize", origin | {"settings": self.config.identity()})
            )
        stages = Stages(
            self.folder / "stages.json", origin, "start over with --fresh, which moves the run aside"
        )
        print(f"\nround {self.number} of at most {self.config.rounds}: {self.model.name}", flush=True)
        if self.config.loop == "facial-r1":
            self._generate_corrected(stages)
        else:
            stages.run(
                "generate", f"{self.model.name} reasons about {len(self.faces):,} faces", self._generate
            )
            if self.config.generation.guidance != "none":
                stages.run("guide", "and about those that need it, shown the label", self._guide)
        stages.run("select", "what is accepted, and what to learn from", self._select)
        print(results.selection_text(files.read_json(self.folder / "selection.json")), flush=True)
        stages.run("sft", "SFT on synthesised and original rows", self._sft)
        stages.run("grpo", "GRPO on the faces chosen", self._grpo)
        stages.run("evaluate", "the held-out questions, before and after", self._evaluate)
        scores = results.score(
            self.start.held_out, self.before, self.folder / "predictions.jsonl", (self.model.name, self.name)
        )
        summary = {
            "round": self.number,
            "folder": self.folder.name,
            "model": self.name,
            "seconds": stages.seconds,
            **scores.to_json(),
        }
        files.write_json(self.folder / "scores.json", summary)
        print(scores.text(), flush=True)
        return summary

    @property
    def before(self) -> Path:
        """The predictions of the model that the round began with."""
        return self.config.out / (
            "before.jsonl" if self.number == 1 else f"round_{self.number - 1}/predictions.jsonl"
        )

    def _generate(self) -> None:
        questions = self.data / "blind.json"
        asked = pool.blind_questions(list(self.faces.values()), self.config.generation, self.links)
        files.write_rows(questions, (question.to_json() for question in asked))
        self._ask(questions, self.folder / "generations.jsonl")

    def _guide(self) -> None:
        faces = list(self.faces.values())
        if self.config.generation.guidance == "failed":
            judged = quality.judge_replies(
                self.faces, self._replies("generations.jsonl"), self.config.filter, lambda row: None
            )
            faces = quality.never_passed(faces, judged.rates)
        if not faces:
            print("every face has a blind reply that passed")
            return
        questions = self.data / "guided.json"
        asked = pool.guided_questions(faces, self.config.generation, self.links)
        files.write_rows(questions, (question.to_json() for question in asked))
        self._ask(questions, self.folder / "guided.jsonl")

    @property
    def _attempts(self) -> range:
        return range(self.config.correction.retries + 1)

    def _generate_corrected(self, stages: Stages) -> None:
        """Ask for every face with the gold shown, and with its faults where a reply is not accepted."""
        trials = correcting.Trials.start(self.faces)
        for attempt in self._attempts:
            if not trials.open:
                break
            again = f"again for {len(trials.open):,} of them, their faults fed back"
            title = (
                again
                if attempt
                else f"{self.model.name} writes for {len(self.faces):,} faces, shown the gold"
            )
            stages.run(f"attempt_{attempt}", title, partial(self._attempt, attempt, trials.open))
            trials.hear(self._replies(_replies_of(attempt)), lambda row: None)

    def _attempt(self, attempt: int, trials: Sequence[correcting.Trial]) -> None:
        name = _replies_of(attempt)
        questions = (self.data / name).with_suffix(".json")
        asked = correcting.corrected_questions(trials, attempt, self.config.generation, self.links)
        files.write_rows(questions, (question.to_json() for question in asked))
        self._ask(questions, self.folder / name)

    def _ask(self, questions: Path, out: Path) -> None:
        generation = self.config.generation
        settings = {
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "max_new_tokens": generation.max_new_tokens,
            "seed": self.config.seed + self.number,
            **generation.settings,
        }
        ask = unifer(
            "infer", "--questions", str(questions), "--out", str(out), "--model", str(self.model.path)
        )
        command([*ask, *self._image_root("--image-root"), *as_flags(settings, "-")])

    def _replies(self, *names: str) -> Iterator[Prediction]:
        for name in names:
            path = self.folder / name
            if path.exists():
                yield from files.read_records(path, Prediction.from_json)

    def _select(self) -> None:
        rejects = self.folder / "rejects.jsonl"
        rejects.unlink(missing_ok=True)
        asked = (
            ("generations.jsonl", "guided.jsonl")
            if self.config.loop == "blind"
            else map(_replies_of, self._attempts)
        )
        with AppendLog(rejects) as log:
            choice = choosing.choose(self.faces, self._replies(*asked), self.config, log.append)
        report = choice.report | {"mixed": self._mix(choice)}
        files.write_json(self.folder / "selection.json", report)
        if not choice.candidates or not choice.faces:
            rates = "no face is read right sometimes, so GRPO has nothing to learn from"
            lacking = rates if choice.candidates else "no reply can be learnt from"
            raise InputError(
                f"{self.folder / 'selection.json'}: {lacking}\n{results.selection_text(report)}\n"
                "widen the filter, the bounds of the rates, the pool or the number of samples (a new "
                "run: --out or --fresh)"
            )

    def _mix(self, choice: Choice) -> Json:
        """Write the round's training files and its test part, with manifests; returns rows by kind."""
        config, rates = self.config, choice.rates
        origin = {"round": self.number, "run": config.out.name, "teacher": self.model.name}
        make = partial(
            mixing.synthesised, rates=rates, generation=config.generation, links=self.links, origin=origin
        )
        made = make(choice.candidates)
        kept, there = mixing.original(
            config.cot, config.sft.original, len(made), self.links, config.seed, choice.withheld
        )
        rewarded = mixing.reward_rows(choice.faces, rates, self.links, origin)
        counts = {
            "synthesised": len(made),
            "original": len(kept),
            "original_available": there,
            "reward_rows": len(rewarded),
        }
        self._write_rows("cot.json", [row.to_json() for row in [*made, *kept]], counts)
        self._write_rows("rlvr.json", [row.to_json() for row in rewarded], counts)
        if choice.test:
            rows = zip(make([each for each, _ in choice.test]), choice.test, strict=True)
            shown = [review.ReviewRow(row, each.face.label, faults) for row, (each, faults) in rows]
            self._write_rows(review.FILE, [row.to_json() for row in shown], {"rows": len(shown)})
        return counts

    def _write_rows(self, name: str, rows: list[Json], counts: Json) -> None:
        config = self.config
        files.write_rows(self.data / name, rows)
        identity = {
            "round": self.number,
            "run": config.out.name,
            "teacher": self.model.describe(),
            "settings": config.identity(),
        }
        files.write_json(
            runs.manifest_path(self.data / name), runs.manifest("synthesize", identity, rows=counts)
        )

    def _sft(self) -> None:
        base = self.start.base if self.config.sft.start == "base" else None
        self._train("sft", self.config.sft, "cot.json", (base or self.model).path, f"{self.name}-SFT")

    def _grpo(self) -> None:
        self._train("grpo", self.config.grpo, "rlvr.json", self.folder / f"{self.name}-SFT", self.name)

    def _train(
        self, stage: str, settings: SftSettings | GrpoSettings, rows: str, start: Path, out: str
    ) -> None:
        paths = {"rows": self.data / rows, "model_name_or_path": start, "output_dir": self.folder / out}
        own = {} if settings.processes is None else {"NPROC": str(settings.processes)}
        words = [*as_flags(paths, "_"), *self._image_root("--image_root"), *as_flags(settings.settings, "_")]
        command(training(stage, settings.config, *words), **own)

    def _image_root(self, flag: str) -> list[str]:
        return [] if self.config.image_root is None else [flag, str(self.config.image_root.absolute())]

    def _evaluate(self) -> None:
        """Both models answer the same questions with the same settings.

        The earlier one only where it has not yet.
        """
        evaluation = self.config.evaluation
        how = as_flags({"max_new_tokens": evaluation.max_new_tokens, **evaluation.settings}, "-")
        asked = ["--dataset-dir", str(self.start.held_out.folder), *self._image_root("--image-root"), *how]
        models = {"after": (self.folder / self.name, self.folder / "predictions.jsonl")}
        if self.number == 1:
            models["before"] = (self.model.path, self.before)
        commands = {
            name: unifer("infer", "--model", str(path), "--out", str(out), *asked)
            for name, (path, out) in models.items()
        }
        side_by_side(commands, self.folder / "logs", **share_of_machine(len(commands)))


def _replies_of(number: int) -> str:
    """The replies of an attempt of the loop `facial-r1`; the first is number 0."""
    return f"attempt_{number}.jsonl"
