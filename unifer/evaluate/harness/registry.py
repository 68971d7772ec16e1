"""The tasks by name, as inspect_ai finds them: `inspect eval unifer/rafdb --model openai/gpt-4o`.

This package's entry point leads inspect here. Knows which folder of the project each task means; what a task
is made of is `tasks`. All take the same arguments:

    -T sample=true        the committed questions over drawn faces, for a first try
    -T questions=FILE     another question file, as typed or below the dataset's folder
    -T image_root=DIR     the folder that image paths such as /RAF-DB/1.jpg lie below
    -T image_size=224     side in pixels to which every picture is forced; 0 keeps its own proportions
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inspect_ai import Task, task

from unifer.datasets import find_questions, load_dataset
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.evaluate.harness.inspect_format import task_error
from unifer.evaluate.harness.scorer import figures as figures
from unifer.evaluate.harness.scorer import strict as strict
from unifer.evaluate.harness.tasks import dataset_task
from unifer.evaluate.harness.translation import question_in
from unifer.evaluate.inference.infer import check_some_image
from unifer.evaluate.inference.outputs import AnswerPlan
from unifer.places import MORE, current_project


def _named(name: str, folder: str) -> Callable[..., Task]:
    """The task `unifer/NAME` over a dataset folder of the project."""

    @task(name=name)
    def named(
        sample: bool = False,
        questions: str | None = None,
        image_root: str | None = None,
        image_size: int = 224,
    ) -> Task:
        return _task(folder, sample, questions, image_root, image_size)

    return named


rafdb = _named("rafdb", "eval_rafdb")
ferplus = _named("ferplus", "eval_ferplus")
affectnet = _named("affectnet", "eval_affectnet")
sfew = _named("sfew", "eval_sfew_2.0")
disfa = _named("disfa", f"{MORE}/disfa")
bp4d = _named("bp4d", f"{MORE}/bp4d")
rafau = _named("rafau", f"{MORE}/rafau")
faba_au = _named("faba_au", f"{MORE}/faba_au")
faba_emotion = _named("faba_emotion", f"{MORE}/faba_emotion")
fer2013 = _named("fer2013", f"{MORE}/fer2013")
fea20k = _named("fea20k", f"{MORE}/fea20k")


@task
def dataset(
    dataset_dir: str,
    sample: bool = False,
    questions: str | None = None,
    image_root: str | None = None,
    image_size: int = 224,
) -> Task:
    """Any dataset folder, from here or in the project: `inspect eval unifer/dataset -T dataset_dir=DIR`."""
    here = Path(dataset_dir)
    return _task(
        str(here.absolute()) if here.is_dir() else dataset_dir, sample, questions, image_root, image_size
    )


def _task(folder: str, sample: bool, questions: str | None, image_root: str | None, image_size: int) -> Task:
    """The task over a dataset folder of the project. Raises an error that inspect shows as one line."""
    try:
        spec = load_dataset(current_project() / folder)
        if sample and questions:
            raise InputError(
                f"-T sample=true names the questions already; leave it or -T questions={questions} away"
            )
        path = spec.samples
        if not sample:
            path = find_questions(spec, Path(questions) if questions else None, "-T questions=")
        root = Path(image_root) if image_root else None
        if root is not None and not root.is_dir():
            raise InputError(
                f"-T image_root={root}: no such folder; give the folder that image paths such as "
                "/RAF-DB/1.jpg are below"
            )
        task = dataset_task(spec, questions_file=path, image_root=root, image_rule=_rule(image_size))
        rows = tuple(question_in(each.metadata) for each in task.dataset)
        check_some_image(AnswerPlan(path, rows, Path(), root, {}))
        return task
    except InputError as error:
        raise task_error(str(error)) from None


def _rule(image_size: int) -> ImageRule:
    try:
        return ImageRule(image_size or None)
    except ValueError as error:
        raise InputError(f"-T image_size={image_size}: {error}") from None
