"""What a task asks: exactly the pictures, prompts and settings of inference; a question that cannot be asked
costs that question alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from tests.evaluate.harness.mocked import RIGHT, answered, asked, faces, said, samples, shown_in
from tests.evaluate.scored import dataset
from unifer.datasets import load_dataset
from unifer.dialogue import images
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.evaluate.harness import registry
from unifer.evaluate.harness.tasks import dataset_task
from unifer.evaluate.run_files import project_datasets

ROOT = Path(__file__).parents[3]


def test_the_picture_is_the_one_of_inference_pixel_by_pixel_before_the_text_alone_in_its_turn(
    tmp_path: Path,
) -> None:
    spec, seen = faces(tmp_path, asked(3)), {}

    def answer(prompt: str, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        seen[prompt] = shown_in(turns), config.temperature, config.max_tokens
        return said(RIGHT)

    rule = ImageRule(56)
    log = answered(dataset_task(spec, image_rule=rule), tmp_path / "logs", answer)
    assert log.status == "success"
    for number in range(3):
        (picture, text), temperature, tokens = seen[f"Which? {number}"]
        path = spec.questions.parent / f"faces/{number:04d}.png"
        assert np.array_equal(np.asarray(picture), np.asarray(images.load(path, rule)))
        assert (text, temperature, tokens) == (f"Which? {number}", 0.0, 1024)


def test_a_question_that_cannot_be_asked_is_a_failed_sample_and_the_others_are_answered(
    tmp_path: Path,
) -> None:
    rows = asked(6)
    rows[4]["prompt"] = "Which? <|im_end|>"
    spec = faces(tmp_path, rows)
    (spec.questions.parent / rows[1]["image_path"]).unlink()
    (spec.questions.parent / rows[2]["image_path"]).write_bytes(b"no picture")
    log = answered(dataset_task(spec), tmp_path / "logs")
    assert log.status == "success"
    failed = {sample.id: sample.error.message for sample in samples(log) if sample.error}
    assert set(failed) == {"faces/0001.png", "faces/0002.png", "faces/0004.png"}
    assert "is missing" in failed["faces/0001.png"]
    assert "control token" in failed["faces/0004.png"]
    assert all((sample.scores or {})["strict"].metadata for sample in samples(log))
    marks = [(sample.scores or {})["strict"].metadata or {} for sample in samples(log) if sample.error]
    assert {mark["outcome"] for mark in marks} == {"failed"}


def test_pictures_are_made_when_they_are_asked_for_not_when_the_task_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = faces(tmp_path, asked(500))
    monkeypatch.setattr(images, "load", lambda *_: pytest.fail("a picture was made"))
    tracemalloc.start()
    task = dataset_task(spec)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(task.dataset) == 500
    assert held < 500 * 16_000, (
        "a sample holds its question alone: a picture of 224 pixels would be several times that"
    )


def test_a_solver_of_the_callers_own_sees_the_face_and_a_limit_takes_the_first_questions(
    tmp_path: Path,
) -> None:
    spec, seen = faces(tmp_path, asked(4)), []

    @solver
    def own() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            seen.append(shown_in(state.messages)[1])
            return await generate(state)

        return solve

    answered(dataset_task(spec, solver=own(), limit=2), tmp_path / "logs")
    assert sorted(seen) == ["Which? 0", "Which? 1"]


def test_images_are_found_below_an_image_root_too(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(1, image_path="/set/1.png"))
    (spec.questions.parent / "set").rename(tmp_path / "set")
    assert samples(answered(dataset_task(spec, image_root=tmp_path), tmp_path / "logs"))[0].error is None


def test_rows_of_another_dataset_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(2, labels=("boredom", "pride")))
    with pytest.raises(InputError, match="'boredom'"):
        dataset_task(spec)
    with pytest.raises(InputError, match="no such file"):
        dataset_task(spec, questions_file=tmp_path / "none.json")


# --- tasks by name ---


def test_every_dataset_of_the_project_is_a_task_that_inspect_finds_by_the_packages_entry_point(
    tmp_path: Path,
) -> None:
    code = "import json, sys; from inspect_ai._util.registry import registry_lookup as found\n"
    code += "print(json.dumps([name for name in sys.argv[1:] if found('task', f'unifer/{name}') is None]))"
    names = [{"sfew_2.0": "sfew"}.get(spec.name, spec.name) for spec in project_datasets(ROOT)]
    assert len(names) == 11
    made = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(made.stdout) == [], "without a task"


def test_the_sample_questions_make_a_task_of_each_set_that_has_some() -> None:
    for spec in project_datasets(ROOT):
        if spec.sample is not None:
            task = registry.dataset(str(spec.folder), sample=True)
            assert task.name == spec.name
            assert len(task.dataset) > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"sample": True, "questions": "x.json"}, "leave it or -T questions=x.json"),
        ({"questions": "x.json"}, "-T questions=x.json: no such file"),
        ({"sample": True, "image_root": "/none/such"}, "-T image_root=/none/such: no such folder"),
        ({"sample": True, "image_size": 100}, "-T image_size=100: image size 100 is not a multiple of 28"),
    ],
)
def test_wrong_arguments_of_a_task_are_one_line_that_names_them(
    arguments: dict[str, object], says: str
) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        registry.rafdb(**arguments)
    assert says in str(caught.value.message)


def test_a_folder_that_is_none_or_has_no_questions_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        registry.dataset(str(tmp_path / "none"))
    assert "no such folder" in str(caught.value.message)
    spec = dataset(tmp_path, "empty")
    with pytest.raises(PrerequisiteError) as caught:
        registry.dataset(str(load_dataset(spec.folder).folder))
    assert "To try now: -T questions=data/sample_qa.json" in str(caught.value.message)


def test_a_folder_is_seen_from_here_or_else_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces(tmp_path, asked(1), "rafdb")
    monkeypatch.chdir(tmp_path)
    assert len(registry.dataset("eval_rafdb").dataset) == 1
    monkeypatch.chdir(ROOT / "docs")
    assert len(registry.dataset("eval_rafdb", sample=True).dataset) > 1


def test_an_image_root_that_holds_none_of_the_images_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(3))
    assert registry.dataset(str(spec.folder)).name == "toy"
    with pytest.raises(PrerequisiteError) as caught:
        registry.dataset(str(spec.folder), image_root=str(tmp_path))
    assert "none of its 3 images is there" in str(caught.value.message)
