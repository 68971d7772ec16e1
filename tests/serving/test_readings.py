"""Photos in, answers out: both kinds of body, faces, boxes, votes, two models, what is counted and told."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

from tests.recognition.doubles import FixedDetector, face, recognizer
from tests.serving.doubles import HAPPY, SAD, as_json, client, named, photo, service
from unifer.recognition.detectors import Detector
from unifer.recognition.readings import Reading
from unifer.recognition.recognizer import DRAWN_FACES_ONLY
from unifer.serving.answers import NOTICE
from unifer.serving.app import create_app
from unifer.serving.samples import sample_pictures
from unifer.serving.uploads import _plain_name


def three_faces(*, points: bool = False) -> Detector:
    return FixedDetector(face(100, 10, 40), face(10, 10, 40, points), face(200, 20, 30))


def test_both_kinds_of_body_give_the_answer_of_predict() -> None:
    data = photo()
    with client() as ask:
        by_form = ask.post("/v1/read", files={"file": ("me.png", data)})
        by_json = ask.post(
            "/v1/read", content=as_json(data, name="me.png"), headers={"content-type": "application/json"}
        )
    assert by_form.status_code == by_json.status_code == 200
    answer, other = by_form.json(), by_json.json()
    answer["readings"][0].pop("seconds")
    other["readings"][0].pop("seconds")
    assert answer == other
    assert (answer["photo"], answer["width"], answer["notice"]) == ("me.png", 64, NOTICE)
    (row,) = answer["readings"]
    with recognizer() as direct:
        (reading,) = direct([Image.open(io.BytesIO(data))])
    same = ("label", "reasoning", "reply", "labels", "detector", "outcome")
    assert {key: row[key] for key in same} == {key: reading.to_json()[key] for key in same}
    assert Reading.from_json(row).label == "happiness"
    assert answer["marks"][0]["placed_by"] == "box"
    assert set(answer["marks"][0]["regions"]) >= {"brows", "mouth"}


def test_faces_are_counted_from_the_left_and_chosen_by_number() -> None:
    with client(recognizer(detector=three_faces(points=True))) as ask:
        files = {"file": ("a.png", photo(300))}
        found = ask.post("/v1/faces", files=files).json()
        assert [each["box"][0] for each in found["faces"]] == [10, 100, 200]
        assert (found["detector"], found["width"]) == ("fixed", 300)
        every = ask.post("/v1/read", files=files).json()
        assert [row["index"] for row in every["readings"]] == [0, 1, 2]
        assert [each["placed_by"] for each in every["marks"]] == ["points", "box", "box"]
        some = ask.post("/v1/read", files=files, data={"faces": "[2, 0]"}).json()
        assert [row["index"] for row in some["readings"]] == [0, 2]
        largest = ask.post("/v1/read", files=files, data={"which": "largest"}).json()
        assert len(largest["readings"]) == 1
        assert "3 faces found: the largest was read" in largest["warnings"]
        missing = ask.post("/v1/read", files=files, data={"faces": "[3]"})
        assert (missing.status_code, missing.json()["error"]) == (
            400,
            "'faces' names face 3; 3 were found, counted from 0 at the left",
        )


def test_boxes_are_cut_to_the_photo() -> None:
    with client() as ask:
        boxes = [[10, 10, 50, 50], [-1e300, -5, 1e300, 30]]
        files = {"file": ("a.png", photo(100))}
        answer = ask.post("/v1/read", files=files, data={"boxes": json.dumps(boxes)}).json()
        assert [row["face"]["box"] for row in answer["readings"]] == [[0, 0, 100, 30], [10, 10, 50, 50]]
        for bad, told in (
            ("[[200, 0, 300, 50]]", "lies outside of the photo"),
            ("[[5, 5, 1, 1]]", "is no box"),
            ("[[NaN, 0, 5, 5]]", "not finite"),
            ("[[1, 2]]", "is no box"),
            ("[5]", "must be a list of [left"),
            ("[]", "0 faces are named"),
        ):
            refused = ask.post("/v1/read", files=files, data={"boxes": bad})
            assert refused.status_code == 400, bad
            assert told in refused.json()["error"]


def test_votes_give_shares() -> None:
    replies = iter([HAPPY, HAPPY, SAD, HAPPY])
    with client(recognizer(lambda request: next(replies))) as ask:
        answer = ask.post("/v1/read", files={"file": photo()}, data={"votes": "4"}).json()
    assert answer["readings"][0]["votes"]["shares"]["happiness"] == 0.75
    assert answer["readings"][0]["sure"]


def test_the_same_photo_gets_the_same_seeds_whoever_else_asks() -> None:
    keys: list[str] = []

    def reply(request: object) -> str:
        keys.append(request.key)  # type: ignore[attr-defined]
        return HAPPY

    with client(recognizer(reply)) as ask:
        for name, data in (("a.png", photo()), ("b.png", photo(32)), ("c.png", photo())):
            assert ask.post("/v1/read", files={"file": (name, data)}).json()["photo"] == name
    assert keys[0] == keys[2] != keys[1]


def test_two_models_are_asked_by_name_and_carry_their_warnings() -> None:
    tiny = named(recognizer(HAPPY), "Tiny", [DRAWN_FACES_ONLY])
    with client(tiny, named(recognizer(SAD), "Large"), named(recognizer(SAD), "Large")) as ask:
        assert ask.get("/health").json()["models"] == ["Tiny", "Large", "Large (2)"]
        files = {"file": photo()}
        first = ask.post("/v1/read", files=files).json()
        assert (first["model"], first["warnings"]) == ("Tiny", [DRAWN_FACES_ONLY])
        other = ask.post("/v1/read", files=files, data={"model": "Large (2)"}).json()
        assert (other["readings"][0]["label"], other["warnings"]) == ("sadness", [])
        unknown = ask.post("/v1/read", files=files, data={"model": "Huge"})
        assert unknown.json()["error"] == "no model 'Huge' here; there are Tiny, Large, Large (2)"
        page = ask.get("/").text
    assert "knows drawn faces only" in page


def test_metrics_count_requests_photos_and_faces() -> None:
    with client(recognizer(detector=three_faces())) as ask:
        for data in (photo(300), photo(300), b"no photo"):
            ask.post("/v1/read", files={"file": data})
        ask.get("/nowhere")
        text = ask.get("/metrics").text
    for line in (
        'unifer_requests_total{path="/v1/read",status="200"} 2.0',
        'unifer_requests_total{path="/v1/read",status="422"} 1.0',
        'unifer_requests_total{path="other",status="404"} 1.0',
        'unifer_images_total{model="Scripted"} 2.0',
        'unifer_faces_total{model="Scripted"} 6.0',
        "unifer_queue_length 0.0",
        'unifer_request_seconds_count{path="/v1/read"} 3.0',
    ):
        assert line in text.splitlines()


def test_the_description_names_every_path_and_fetches_nothing() -> None:
    with client() as ask:
        described = ask.get("/openapi.json").json()
        docs = ask.get("/docs")
    assert set(described["paths"]) == {"/v1/read", "/v1/faces", "/health", "/metrics"}
    body = described["paths"]["/v1/read"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["required"] == ["file"]
    assert "Reading" in json.dumps(described["components"])
    assert "POST /v1/read" in docs.text
    for page in (docs.text, json.dumps(described)):
        assert "https://" not in page.replace("https://json-schema.org", "")
    assert "script-src 'none'" in docs.headers["content-security-policy"]


def test_samples_are_drawn_faces_and_the_same_each_time() -> None:
    pictures = sample_pictures()
    assert len(pictures) == 9
    assert pictures == sample_pictures()
    group = pictures["group.png"]
    assert len(group.boxes) == 3
    with service() as made:
        from starlette.testclient import TestClient

        ask = TestClient(create_app(made))
        assert ask.get("/samples/group.png").content == group.png
        assert ask.get("/samples/..%2Fpage.py").status_code == 404


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me.png"),
        ("\x1b[31mred\u202e.png", "[31mred.png"),
        ("half \ud800.png", "half .png"),
        ("/", "photo"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_photo_s_name_is_no_path_and_steers_no_terminal(name: str, plain: str) -> None:
    assert _plain_name(name) == plain
    body = json.dumps({"image": base64.b64encode(photo()).decode(), "name": name})
    with client() as ask:
        answer = ask.post("/v1/read", content=body, headers={"content-type": "application/json"})
    assert answer.json()["photo"] == plain
