"""Drawn faces -> the rows that the pipeline reads, in each dataset's vocabulary: CoT, reward, questions.

A face is fixed by a seed text and its index alone, whatever else is drawn beside it. Knows rows and files;
how a face looks and which AUs an emotion shows is `faces`. Every row says in its provenance that it is
synthetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from PIL.Image import Image

from unifer import files
from unifer.action_units import PROTOTYPES
from unifer.datasets import DatasetSpec
from unifer.dialogue import images, prompts
from unifer.emotions import EMOTIONS, canonical, spelled_in
from unifer.errors import InputError
from unifer.parallel import in_chunks
from unifer.prepare import faces
from unifer.records import CoTRow, Json, Question, RewardRow

CODED_FROM = 1.5
"""Intensity from which an AU is coded: B or stronger, as DISFA is scored; a trace (A) is drawn alone."""

SAMPLE_COUNT = 48


@dataclass(frozen=True, slots=True)
class SyntheticFace:
    """One synthetic face before it is drawn: `emotion` is canonical; None: a free combination of AUs."""

    seed: str
    index: int
    emotion: str | None
    expression: faces.Expression

    @property
    def action_units(self) -> tuple[int, ...]:
        """The coded AUs, in FACS order."""
        intensities = sorted(self.expression.intensities.items())
        return tuple(number for number, intensity in intensities if intensity >= CODED_FROM)

    @property
    def provenance(self) -> Json:
        return {
            "synthetic": True,
            "generator": faces.GENERATOR,
            "face": f"{self.seed}/{self.index}",
            "prompt": prompts.VERSION,
        }

    def draw(self, size: int = 112) -> Image:
        """The picture, RGB, `size` pixels square: a person and a scene of the face's own."""
        rng = Random(f"{self.seed}/{self.index}/look")
        return faces.draw(self.expression, faces.Identity.sample(rng), faces.Conditions.sample(rng), size)


def save_picture(picture: Image, path: Path) -> None:
    """Write `picture` in the format of the suffix, JPEG at quality 90; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=90)  # formats without a quality pass it over


def emotional_face(seed: str, index: int, emotion: str) -> SyntheticFace:
    """Face `index` of the series `seed`, showing `emotion` as faces do.

    That is sometimes weakly, mixed with another one, or with a stray AU.
    """
    return SyntheticFace(
        seed, index, emotion, faces.sample_expression(emotion, Random(f"{seed}/{index}/expression"))
    )


def free_face(seed: str, index: int) -> SyntheticFace:
    """A face for AU recognition: every second one near a prototype, the others any AUs a face can combine."""
    rng = Random(f"{seed}/{index}/expression")
    expression = faces.sample_expression(rng.choice(EMOTIONS), rng) if index % 2 else faces.sample_free(rng)
    return SyntheticFace(seed, index, None, expression)


def balanced(count: int) -> list[str]:
    """`count` emotions in equal shares, any stretch of eight holding each once."""
    return [EMOTIONS[index % len(EMOTIONS)] for index in range(count)]


def in_shares(count: int, weights: dict[str, int], seed: str, least: float = 0.0) -> list[str]:
    """`count` emotions in the shares of `weights` (largest remainder), shuffled.

    None is below the share `least`: what the rare ones need is taken from the others in proportion to their
    shares. Raises InputError where `least` is not in [0, 1 / emotions].
    """
    exact = {emotion: count * share for emotion, share in _raised(weights, least).items()}
    whole = {emotion: int(share) for emotion, share in exact.items()}
    for emotion in sorted(exact, key=lambda name: whole[name] - exact[name])[: count - sum(whole.values())]:
        whole[emotion] += 1
    emotions = [emotion for emotion, number in whole.items() for _ in range(number)]
    Random(f"{seed}/order").shuffle(emotions)
    return emotions


def _raised(weights: dict[str, int], least: float) -> dict[str, float]:
    """Emotion -> its share, at least `least`."""
    if not 0 <= least <= 1 / len(weights):
        raise InputError(
            f"a least share of {least} for {len(weights)} emotions; allowed are 0 to {1 / len(weights):.3g}"
        )
    raised: set[str] = set()
    while True:
        rest = sum(weight for emotion, weight in weights.items() if emotion not in raised)
        free = 1 - least * len(raised)
        shares = {
            emotion: least if emotion in raised else free * weight / rest
            for emotion, weight in weights.items()
        }
        below = {emotion for emotion, share in shares.items() if share < least - 1e-12}
        if not below:
            return shares
        raised |= below


SHARES = {"benchmark": "expected", "training": "training"}
"""Whose class balance a corpus can take over (question files, training splits) -> its dataset.yaml key."""


def dataset_shares(specs: Sequence[DatasetSpec], which: str) -> dict[str, int]:
    """Canonical emotion -> rows of `specs`, pooled: how unbalanced real FER sets are.

    `which` of `SHARES` names the part. Labels that are none of the eight emotions do not count. Raises
    InputError if no spec states a count of one that is.
    """
    shares = dict.fromkeys(EMOTIONS, 0)
    for spec in specs:
        for label, count in getattr(spec, SHARES[which]).items():
            if canonical(label) in shares:
                shares[canonical(label)] += count
    if not any(shares.values()):
        names = ", ".join(spec.folder.name for spec in specs)
        raise InputError(
            f"--shares {which}: the dataset.yaml of {names} state no `{SHARES[which]}` counts of "
            "emotions; use --shares equal"
        )
    return shares


def sheet(seed: str = "sheet", clear: int = 3, varied: int = 6) -> Image:
    """A contact sheet, a row per emotion: `clear` plain prototypes, then `varied` faces of the corpora."""
    rows = []
    for emotion in EMOTIONS:
        prototype = faces.Expression.of(
            dict.fromkeys(PROTOTYPES[emotion], 4.0), {14: "L"} if emotion == "contempt" else None
        )
        people = [faces.Identity.sample(Random(f"{seed}/{emotion}/{index}")) for index in range(clear)]
        plain = [faces.draw(prototype, person, faces.Conditions.clear()) for person in people]
        usual = [emotional_face(f"{seed}/{emotion}", index, emotion).draw() for index in range(varied)]
        rows.append((emotion, [*plain, *usual]))
    return faces.contact_sheet(rows)


def save_faces(
    pictures: Sequence[tuple[SyntheticFace, Path]],
    workers: int,
    advance: Callable[[int], None] | None = None,
) -> None:
    """Draw every face into its path, in `workers` processes."""
    for _ in in_chunks(_save_chunk, pictures, workers, advance):
        pass


def _save_chunk(chunk: Sequence[tuple[SyntheticFace, Path]]) -> None:
    for face, path in chunk:
        save_picture(face.draw(), path)


def write_emotion_corpus(out: Path, series: Sequence[SyntheticFace], specs: Sequence[DatasetSpec]) -> None:
    """`cot.json`, `rlvr.json` and a `<dataset>_qa.json` per dataset over `series`, drawn in `out/images`.

    Training rows take the datasets' vocabularies in turn; a question file holds every face its dataset has a
    label for.
    """
    taught = [(face, _vocabulary(face, specs)) for face in series]
    files.write_rows(out / "cot.json", [_cot_row(*each).to_json() for each in taught])
    files.write_rows(out / "rlvr.json", [_reward_row(*each).to_json() for each in taught])
    for spec in specs:
        of_spec = [face for face in series if _label(face, spec) is not None]
        rows = [_question(face, spec, image_name(face)).to_json() for face in of_spec]
        files.write_rows(out / f"{spec.name}_qa.json", rows)


def write_action_unit_corpus(out: Path, series: Sequence[SyntheticFace]) -> None:
    """`action_units.json`: one row per face, the reply naming its AUs region by region."""
    question = prompts.action_unit_question()
    replies = [prompts.action_unit_listing(face.action_units) for face in series]
    rows = [
        CoTRow(image_name(face), question, reply, **_about(face)).to_json()
        for face, reply in zip(series, replies, strict=True)
    ]
    files.write_rows(out / "action_units.json", rows)


def image_name(face: SyntheticFace) -> str:
    """Path of a face's image, relative to the row files beside it; it does not betray the label."""
    return f"images/{face.index:06d}.jpg"


def sample_questions(spec: DatasetSpec) -> tuple[list[Question], list[tuple[SyntheticFace, Path]]]:
    """The sample of an eval folder: its questions, and the faces with their paths; labels take turns.

    Raises InputError if none of the labels is one of the eight emotions, which alone can be drawn.
    """
    emotions = [canonical(label) for label in spec.labels if canonical(label) in EMOTIONS]
    if not emotions:
        raise InputError(
            f"{spec.folder}: faces can be drawn for {', '.join(EMOTIONS)}; none is among its labels "
            f"{', '.join(spec.labels)}"
        )
    questions, pictures = [], []
    for index in range(SAMPLE_COUNT):
        face = emotional_face(f"sample/{spec.name}", index, emotions[index % len(emotions)])
        name = f"sample_images/{index:03d}.jpg"
        questions.append(_question(face, spec, name))
        pictures.append((face, spec.samples.parent / name))
    return questions, pictures


def stand_ins(questions: Sequence[Question], image_root: Path, seed: str) -> list[tuple[SyntheticFace, Path]]:
    """A face of the true label for every question, at its image path below `image_root`.

    Raises InputError for a label that is none of the eight emotions, an image path that climbs out, and where
    images lie already: they may be the real ones.
    """
    stand_in = []
    for index, question in enumerate(questions):
        emotion = canonical(question.true_label or "")
        if emotion not in EMOTIONS:
            raise InputError(
                f"{question.key}: faces can be drawn for {', '.join(EMOTIONS)}, not for "
                f"{question.true_label!r}"
            )
        try:
            path = images.resolve(question.image_path, image_root, image_root)
        except images.ImageError as error:
            raise InputError(f"{question.key}: {error}") from None
        stand_in.append((emotional_face(f"{seed}/{question.image_path}", index, emotion), path))
    present = [path for _, path in stand_in if path.exists() or path.is_symlink()]
    if present:
        raise InputError(
            f"{image_root}: {len(present):,} of {len(stand_in):,} images are there already, the first "
            f"{present[0]}; nothing is drawn over images, give an empty --image-root"
        )
    return stand_in


def _vocabulary(face: SyntheticFace, specs: Sequence[DatasetSpec]) -> DatasetSpec:
    fitting = [spec for spec in specs if _label(face, spec) is not None]
    if not fitting:
        raise InputError(f"no dataset has a label for {face.emotion!r}; name one that does with --datasets")
    # Balanced faces repeat their emotions every eight: moving on by one at each round gives every emotion
    # every vocabulary.
    return fitting[(face.index + face.index // len(EMOTIONS)) % len(fitting)]


def _label(face: SyntheticFace, spec: DatasetSpec) -> str | None:
    return spelled_in(face.emotion or "", spec.labels)


def _about(face: SyntheticFace, spec: DatasetSpec | None = None) -> dict[str, Any]:
    """What a row of `face` states whatever its kind, in the vocabulary of `spec` if it asks for a label."""
    own = {
        "id": f"face-{face.seed}-{face.index:06d}",
        "action_units": face.action_units,
        "provenance": face.provenance,
    }
    return own | ({"dataset": spec.name, "candidate_labels": spec.labels} if spec else {})


def _cot_row(face: SyntheticFace, spec: DatasetSpec) -> CoTRow:
    label = str(_label(face, spec))
    response = prompts.reply(prompts.reasoning(face.action_units, label), label)
    question = prompts.expression_question(spec.labels)
    return CoTRow(image_name(face), question, response, **_about(face, spec))


def _reward_row(face: SyntheticFace, spec: DatasetSpec) -> RewardRow:
    problem = prompts.expression_question(spec.labels)
    return RewardRow(image_name(face), problem, str(_label(face, spec)), **_about(face, spec))


def _question(face: SyntheticFace, spec: DatasetSpec, image: str) -> Question:
    prompt = prompts.expression_question(spec.labels)
    return Question(image, str(_label(face, spec)), prompt, **_about(face, spec))
