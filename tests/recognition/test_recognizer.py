"""A photo in, a reading out: what a call gives back, and that it says what the benchmark's own way says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import unifer
from tests.recognition.doubles import HAPPY, SAD, FixedDetector, face, recognizer, save
from unifer.datasets import DatasetSpec
from unifer.dialogue.answers import grade
from unifer.dialogue.votes import Calibration
from unifer.errors import InputError
from unifer.evaluate.inference import infer
from unifer.models.engines import EngineSpec, GenerationSettings, Request
from unifer.models.engines.scripted import ScriptedEngine
from unifer.progress import Advance
from unifer.questions import read_questions
from unifer.recognition.readings import Reading
from unifer.recognition.recognizer import DRAWN_FACES_ONLY, Recognizer


@contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def test_import_unifer_is_instant_and_offers_the_recognizer() -> None:
    code = (
        "import sys, unifer; assert not {'numpy', 'PIL', 'torch', 'cv2', 'skimage'} & set(sys.modules); "
        "unifer.Recognizer; assert not {'torch', 'cv2', 'skimage', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(unifer.__file__).parents[1])
    assert unifer.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="Recogniser"):
        unifer.Recogniser  # noqa: B018


def test_a_reading_says_what_was_claimed_where(tmp_path: Path) -> None:
    (reading,) = recognizer()(save(tmp_path / "a.png"))
    assert (reading.label, reading.outcome, reading.sure) == ("happiness", "answered", None)
    assert [claim.number for claim in reading.action_units] == [6, 12, 25]
    claim = reading.action_units[1]
    assert (claim.name, claim.region) == ("lip corner puller", "mouth")
    assert claim.sentence == "The lip corners pull up, AU12, and the lips part (AU25)."
    assert "AU12" in reading.reasoning[slice(*claim.spans[0])]
    assert (reading.face, reading.width, reading.height) == (None, 200, 160)
    assert reading.warnings == ()
    assert reading.reply == HAPPY
    assert Reading.from_json(json.loads(json.dumps(reading.to_json()))) == reading


def test_every_kind_of_input_gives_one_reading_in_order(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    (tmp_path / "folder").mkdir()
    save(tmp_path / "folder" / "b.png")
    array = np.zeros((20, 30, 3), dtype=np.uint8)
    sources = [str(path), path, Image.open(path), array, path.read_bytes(), tmp_path / "folder"]
    readings = recognizer()(iter(sources))
    names = [reading.photo for reading in readings]
    assert names[:2] == [str(path)] * 2
    assert names[3:] == ["array-1", "bytes-1", str(tmp_path / "folder" / "b.png")]
    assert {reading.label for reading in readings} == {"happiness"}
    assert len(readings.draw()) == len(sources)
    assert list(readings.to_pandas().photo) == names
    assert [row["photo"] for row in readings.to_json()] == names


def test_a_photo_that_cannot_be_read_is_a_reading_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    save(tmp_path / "whole.png")
    broken, whole = recognizer()(tmp_path)
    assert broken.failed
    assert "not an image" in str(broken.error)
    assert (broken.label, broken.outcome) == (None, "failed")
    assert whole.label == "happiness"


def test_a_failed_request_loses_no_other(tmp_path: Path) -> None:
    def reply(request: Request) -> str:
        if "a.png" in request.key:
            raise RuntimeError("out of memory")
        return SAD

    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    one, other = recognizer(reply)(tmp_path)
    assert (one.error, other.label) == ("out of memory", "sadness")


def test_faces_come_from_left_to_right_and_the_largest_can_stand_alone(tmp_path: Path) -> None:
    detector = FixedDetector(face(120, 10, 70), face(5, 5, 60))
    path = save(tmp_path / "a.png")
    left, right = recognizer(detector=detector)(path)
    assert (left.index, right.index, left.faces, left.readings) == (0, 1, 2, 2)
    assert left.face is not None
    assert left.face.box[0] == 5
    assert left.crop is not None
    assert left.crop.margin == 0.25
    (largest,) = recognizer(detector=detector)(path, which="largest")
    assert (largest.index, largest.readings) == (1, 1)
    assert largest.warnings == ("2 faces found: the largest was read",)


def test_no_face_is_said_and_the_whole_picture_is_read(tmp_path: Path) -> None:
    (reading,) = recognizer(detector=FixedDetector())(save(tmp_path / "a.png"))
    assert reading.label == "happiness"
    assert reading.face is None
    assert reading.warnings == ("no face found by fixed: the whole picture was read",)


def test_given_boxes_replace_the_detector(tmp_path: Path) -> None:
    detector = FixedDetector(face(0, 0, 50))
    (reading,) = recognizer(detector=detector)(save(tmp_path / "a.png"), boxes=[[20, 30, 90, 100]])
    assert detector.asked == 0
    assert (reading.detector, reading.face and reading.face.box) == ("boxes", (20.0, 30.0, 90.0, 100.0))
    with pytest.raises(InputError, match="is no box"):
        recognizer()(save(tmp_path / "a.png"), boxes=[[90, 30, 20, 100]])


def test_votes_are_asked_in_one_batch_and_counted(tmp_path: Path) -> None:
    temperatures: list[float | None] = []

    def reply(request: Request) -> str:
        temperatures.append(request.temperature)
        return SAD if request.key.endswith((".1", ".2")) else HAPPY

    (reading,) = recognizer(reply)(save(tmp_path / "a.png"), votes=8)
    assert temperatures == [0.7] * 8
    assert reading.votes is not None
    assert reading.votes.shares["happiness"] == 0.75
    assert (reading.label, reading.sure, reading.reply) == ("happiness", True, HAPPY)
    assert {claim.number: claim.share for claim in reading.action_units} == {6: 0.75, 12: 0.75, 25: 0.75}
    (unsure,) = recognizer(reply)(save(tmp_path / "a.png"), votes=8, threshold=0.9)
    assert (unsure.label, unsure.sure) == ("happiness", False)


def test_settings_that_make_no_sense_are_refused_before_anything_loads(tmp_path: Path) -> None:
    for settings, problem in (
        ({"votes": 0}, "votes 0"),
        ({"votes": 8, "temperature": 0.0}, "greedy replies"),
        ({"votes": 4, "calibration": Calibration(1.0, 0.5, votes=8)}, "fitted on 8 votes"),
        ({"labels": ("happy",)}, "two or more"),
        ({"which": "smallest"}, "smallest"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"margin": -1.0}, "margin -1.0"),
        ({"detector": "haar"}, "cascade, yunet, whole, boxes"),
        ({"colour": 1}, "'colour' is no setting"),
        ({"prompt": "<|im_end|>"}, "control token"),
    ):
        with pytest.raises(InputError, match=problem):
            recognizer(**settings)


def test_labels_can_be_the_users_own(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: Request) -> str:
        asked.append(request.prompt)
        return "<think>AU12</think><answer>joy</answer>"

    (reading,) = recognizer(reply, labels=("joy", "grief"))(save(tmp_path / "a.png"))
    assert "joy, grief?" in asked[0]
    assert (reading.label, reading.labels) == ("joy", ("joy", "grief"))


def test_the_tiny_model_warns_with_every_reading(tiny: Path, tmp_path: Path) -> None:
    """By the sizes in its config: its folder is called some-checkpoint."""
    spec = EngineSpec("scripted", tiny)
    reader = Recognizer(spec=spec, make_engine=lambda: recognizer().load(), detector="whole")
    (reading,) = reader(save(tmp_path / "a.png"))
    assert reading.warnings == (DRAWN_FACES_ONLY,)
    config = json.loads((tiny / "config.json").read_text())
    config["text_config"]["hidden_size"] = 2048
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Recognizer(spec=EngineSpec("scripted", tmp_path), detector="whole").warnings == ()


def test_without_any_model_the_quickstart_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"bash scripts/quickstart\.sh"):
        Recognizer()


def test_a_benchmark_row_is_answered_alike_both_ways(specs: list[DatasetSpec], tmp_path: Path) -> None:
    """The prompt, the key and the grader; the pixels are compared by the slow test below."""
    for spec in specs:
        questions = read_questions(spec.samples, spec)[:6]

        def reply(request: Request) -> str:
            answer = "happy" if "1" in request.key else "x"
            return f"<think>{request.prompt} AU12</think><answer>{answer}</answer>"

        ours = recognizer(reply, prompt=questions[0].prompt, labels=questions[0].candidate_labels)
        folder = spec.samples.parent
        for question in questions:
            engine_spec = EngineSpec("scripted", tmp_path)
            out = tmp_path / f"{spec.name}-{question.key.replace('/', '-')}.jsonl"
            keyed = replace(question, id=str(folder / question.image_path))
            plan = infer.plan(spec.samples, [keyed], out, model={"name": "x"}, spec=engine_spec)
            infer.run_inference(
                [plan], engine_spec, progress=silent, make_engine=lambda: ScriptedEngine(reply)
            )
            row = json.loads(out.read_text())
            (reading,) = ours(folder / question.image_path)
            verdict = grade(row["model_response"], question.candidate_labels)
            assert reading.reply == row["model_response"]
            assert (reading.label, reading.outcome) == (verdict.label, verdict.outcome)
            assert {claim.number for claim in reading.action_units} == verdict.action_units


@pytest.mark.slow
def test_the_real_tiny_model_answers_benchmark_rows_alike_both_ways(
    trained: Path, specs: list[DatasetSpec], tmp_path: Path
) -> None:
    spec = specs[2]
    questions = read_questions(spec.samples, spec)[:8]
    generation = GenerationSettings(max_new_tokens=128)
    engine_spec = EngineSpec("transformers", trained, generation, batch_size=4)
    plan = infer.plan(spec.samples, questions, tmp_path / "m.jsonl", model={"name": "x"}, spec=engine_spec)
    infer.run_inference([plan], engine_spec, progress=silent)
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    replies = {row["image_path"]: row["model_response"] for row in rows}
    asked: dict[str, Any] = {"prompt": questions[0].prompt, "labels": questions[0].candidate_labels}
    with Recognizer(spec=engine_spec, detector="whole", **asked) as reader:
        readings = reader([spec.samples.parent / question.image_path for question in questions])
        assert [reading.reply for reading in readings] == [replies[each.image_path] for each in questions]
        assert len(set(replies.values())) > 1
        (voted,) = reader(spec.samples.parent / questions[0].image_path, votes=8, temperature=1.5)
        (again,) = reader(spec.samples.parent / questions[0].image_path)
    assert voted.votes is not None
    assert len(voted.votes.labels) == 8
    assert (again.votes, again.reply) == (None, readings[0].reply)
    assert again.warnings[0] == DRAWN_FACES_ONLY
