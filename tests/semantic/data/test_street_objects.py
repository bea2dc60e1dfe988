"""Objects of the drawn street scenes: their boxes, classes and texts are those of what is painted and can be seen."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from scipy.ndimage import label as components

from taskwave.semantic.data import Sample, StreetScenes
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.data.streets.canvas import PEDESTRIAN, ROAD, Camera, Canvas
from taskwave.semantic.data.streets.faces import face
from taskwave.semantic.data.streets.furniture import Railing
from taskwave.semantic.data.streets.lighting import draw_light
from taskwave.semantic.data.streets.people import Pedestrian
from taskwave.semantic.data.streets.sight import annotate, plain
from taskwave.semantic.data.streets.signposts import TrafficLight, TrafficSign, draw_shop_sign
from taskwave.semantic.data.streets.vehicles import draw_vehicle
from taskwave.semantic.data.streets.weather import wet_ground
from taskwave.semantic.judges.ocr import OcrJudge
from taskwave.semantic.signs import SIGNS
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth

SIZE = (320, 448)
STATES = ("red", "yellow", "green")
OTHERS = {"car", "van", "bus", "truck", "number_plate", "pedestrian", "bicyclist", "shop_sign"} | {
    f"traffic_light_{state}" for state in STATES
}


def _objects(sample: Sample) -> Objects:
    assert sample.objects is not None
    return sample.objects


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    images = StreetScenes("train", size=SIZE)
    return [images[i] for i in range(60)]


def _crop(sample: Sample, box: list[float]) -> torch.Tensor:
    left, upper, right, lower = (round(edge) for edge in box)
    return sample.image[:, upper:lower, left:right].float()


def _canvas() -> Canvas:
    return Canvas(Camera(640, 896, f=800.0, u0=448.0, v0=320.0, height=1.5))


def test_boxes_lie_in_the_image_and_are_large_enough(scenes: list[Sample]) -> None:
    boxes = torch.cat([_objects(s).boxes for s in scenes])
    assert len(boxes) > 300 and (boxes >= 0).all()
    assert boxes[:, 2].max() <= SIZE[1] and boxes[:, 3].max() <= SIZE[0]
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 4 and sides.prod(1).min() >= 60


def test_classes_are_known_and_varied(scenes: list[Sample]) -> None:
    found = {name for s in scenes for name in _objects(s).classes}
    assert found <= {*SIGNS, *OTHERS} and found >= OTHERS and len(found & set(SIGNS)) >= 15


def test_lights_show_their_colour(scenes: list[Sample]) -> None:
    seen, brightest = set(), []
    for sample in scenes:
        for box, name in zip(_objects(sample).boxes.tolist(), _objects(sample).classes, strict=True):
            whole = 2.4 < (box[3] - box[1]) / (box[2] - box[0]) < 3.0
            if not name.startswith("traffic_light_") or box[2] - box[0] < 9 or not whole:
                continue
            state = name.removeprefix("traffic_light_")
            third = _crop(sample, box).tensor_split(3, 1)[STATES.index(state)]
            r, g, b = third.flatten(1)[:, third.sum(0).flatten().topk(8).indices].mean(1).tolist()
            expected = {"red": r > 1.3 * g and r > 1.3 * b, "yellow": r > b and g > 1.2 * b, "green": g > 1.1 * r}
            assert expected[state], (sample.name, state, r, g, b)
            inner = _crop(sample, box)[:, 2:-2, 2:-2].sum(0).tensor_split(3)
            brightest.append(max(inner, key=lambda part: int(part.amax())) is inner[STATES.index(state)])
            seen.add(state)
    assert seen == set(STATES) and sum(brightest) > 0.9 * len(brightest)  # a sign hides a part of some


def test_stop_signs_are_red_and_white() -> None:
    canvas = _canvas()
    canvas.paint[..., :3] = (60, 120, 60)
    TrafficSign(1.0, 12.0, "stop", tall=2.5, wide=0.9, night=False).paint(canvas, np.random.default_rng(0))
    (box,) = annotate(canvas).boxes.tolist()
    left, upper, right, lower = (int(2 * edge) for edge in box)
    face_, ground = canvas.paint[upper:lower, left:right, :3].astype(int).reshape(-1, 3), (60, 120, 60)
    red = (face_[:, 0] > 150) & (face_[:, 1] < 110)
    white = face_.min(1) > 180
    assert red.mean() > 0.4 and white.mean() > 0.08
    assert (np.abs(face_ - ground).sum(1) < 30).mean() < 0.25


def test_a_box_is_as_large_as_the_distance_makes_it() -> None:
    canvas, sign = _canvas(), TrafficSign(-2.0, 16.0, "speed_limit_30", tall=2.5, wide=0.8, night=False)
    sign.paint(canvas, np.random.default_rng(0))
    found = annotate(canvas)
    assert (found.classes, found.texts) == (("speed_limit_30",), ("30",))
    assert found.boxes[0].tolist() == pytest.approx([edge / 2 for edge in sign.edges(canvas.camera)], abs=1.0)


def test_what_is_hidden_is_left_out_and_what_is_cut_has_no_text() -> None:
    rng = np.random.default_rng(0)
    canvas = _canvas()
    Pedestrian(0.0, 20.0, 1.75, 1, 0.1, True).paint(canvas, rng)
    TrafficSign(2.2, 9.0, "speed_limit_50", tall=2.3, wide=0.8, night=False).paint(canvas, rng)
    assert annotate(canvas).texts == ("", "50")
    draw_vehicle(0.0, 10.0, 0.0, False, (1.0, 1.0), rng).paint(canvas, rng)
    assert "pedestrian" not in annotate(canvas).classes
    TrafficLight(2.5, 8.0, "red", tall=2.3).paint(canvas, rng)
    found = annotate(canvas)
    assert "50" not in found.texts and "speed_limit_50" in found.classes


def test_things_between_bars_keep_their_boxes() -> None:
    rng, canvas = np.random.default_rng(0), _canvas()
    Pedestrian(3.0, 12.0, 1.75, 1, 0.1, True).paint(canvas, rng)
    before = annotate(canvas).boxes
    Railing(2.5, 5.0, 20.0, tall=1.05, closed=False, colour=(60, 64, 66)).paint(canvas, rng)
    assert torch.equal(annotate(canvas).boxes, before)
    Railing(2.5, 5.0, 20.0, tall=1.4, closed=True, colour=(60, 64, 66)).paint(canvas, rng)
    assert not len(annotate(canvas))


def test_a_plate_is_a_part_of_its_vehicle() -> None:
    rng, canvas = np.random.default_rng(1), _canvas()
    vehicle = draw_vehicle(0.0, 8.0, 0.0, False, (1.0, 1.0), rng)
    vehicle.paint(canvas, rng)
    found = annotate(canvas)
    assert found.classes == (vehicle.shape.kind, "number_plate") and len(found.texts[1]) == 5
    outer, inner = found.boxes.tolist()
    assert outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]
    far = _canvas()
    draw_vehicle(0.0, 30.0, 0.0, False, (1.0, 1.0), rng).paint(far, rng)
    assert "number_plate" not in annotate(far).classes


def test_what_is_tiny_or_mostly_hidden_is_not_placed() -> None:
    camera, rng = _canvas().camera, np.random.default_rng(0)
    near = draw_vehicle(0.0, 8.0, 0.0, False, (1.0, 1.0), rng)
    hidden, beside = Pedestrian(0.0, 15.0, 1.75, 1, 0.1, True), Pedestrian(3.0, 15.0, 1.75, 1, 0.1, True)
    tiny, outside = Pedestrian(9.0, 80.0, 1.75, 1, 0.1, True), Pedestrian(9.0, 15.0, 1.75, 1, 0.1, True)
    assert plain([hidden, beside, tiny, outside, near], [], camera) == [beside, near]


def test_everybody_who_can_be_seen_is_counted(scenes: list[Sample]) -> None:
    blobs = missed = 0
    for sample in scenes:
        people = _objects(sample).of_classes(("pedestrian",)).boxes
        painted, count = components((sample.label == PEDESTRIAN).numpy())
        for i in range(1, count + 1):
            rows, cols = np.nonzero(painted == i)
            if len(rows) < 60:
                continue
            blobs += 1
            x, y = cols.mean() + 0.5, rows.mean() + 0.5
            held = (people[:, 0] - 1 <= x) & (people[:, 2] + 1 >= x) & (people[:, 1] - 1 <= y) & (people[:, 3] + 1 >= y)
            missed += not bool(held.any())
    assert blobs > 50 and missed <= 0.03 * blobs


def test_people_are_where_their_boxes_are(scenes: list[Sample]) -> None:
    for sample in scenes:
        for box in _objects(sample).of_classes(("pedestrian",)).boxes.tolist():
            left, upper, right, lower = (round(edge) for edge in box)
            assert (sample.label[upper:lower, left:right] == PEDESTRIAN).float().mean() > 0.15


def test_every_sign_has_a_face_of_its_own() -> None:
    faces = {np.asarray(face(kind)).tobytes() for kind in SIGNS}
    assert len(faces) == len(SIGNS)
    with pytest.raises(KeyError, match="no_such_sign"):
        face("no_such_sign")


def test_weather_and_time_occur_as_often_as_told() -> None:
    lights = [draw_light(np.random.default_rng(i)) for i in range(2000)]
    assert 0.12 < np.mean([light.rain for light in lights]) < 0.18
    assert 0.13 < np.mean([light.time == "night" for light in lights]) < 0.19
    assert not any(light.rain and light.time == "sun" for light in lights)


def test_a_wet_road_mirrors_what_is_above_it() -> None:
    canvas = _canvas()
    canvas.codes[320:] = ROAD
    lit = np.full((320, 448, 3), 0.2, np.float32)
    lit[60:150, 200:240] = (1.5, 0.2, 0.2)
    dry = lit.copy()
    wet_ground(canvas, lit, np.random.default_rng(0))
    assert np.array_equal(lit[:160], dry[:160])
    under, beside = lit[190:240, 210:230].mean((0, 1)), lit[190:240, 50:70].mean((0, 1))
    assert under[0] > beside[0] + 0.15 and abs(under[2] - beside[2]) < 0.1


def test_questions_about_a_street_have_true_answers(scenes: list[Sample]) -> None:
    truths = [Truth.of(sample) for sample in scenes]
    asked = (
        "how many people are there?",
        "is the light red?",
        "what is the speed limit?",
        "which road signs are there?",
    )
    for wording in (*asked, "what does the shop sign say?", "how many buses are there?", "what is the light showing?"):
        task = questions.read(wording)
        counted = [len(task.true(truth)) for truth in truths]  # type: ignore[attr-defined]
        assert 0 < sum(map(bool, counted)) < len(truths), wording


@pytest.mark.slow
def test_most_signs_occur_in_400_scenes() -> None:
    images = StreetScenes("train", size=SIZE)
    per_scene = [[name for name in _objects(images[i]).classes if name in SIGNS] for i in range(400)]
    assert len({name for names in per_scene for name in names}) >= 35
    assert {len(names) for names in per_scene} >= {0, 1, 2, 3} and max(map(len, per_scene)) <= 4


@pytest.mark.slow
@pytest.mark.skipif(find_spec("rapidocr") is None, reason="needs the extra ocr")
def test_an_outside_reader_reads_what_is_written() -> None:
    images, judge = StreetScenes("val", size=SIZE), OcrJudge()
    right, total = dict.fromkeys(("plate", "shop", "limit"), 0), dict.fromkeys(("plate", "shop", "limit"), 0)
    for sample in (images[i] for i in range(60)):
        (answer,) = judge.answer(sample.image[None].float() / 255, [Truth.of(sample)])
        for name, text, read, box in zip(
            _objects(sample).classes, _objects(sample).texts, answer.texts, _objects(sample).boxes.tolist(), strict=True
        ):
            if text and box[3] - box[1] >= 14:
                kind = {"number_plate": "plate", "shop_sign": "shop"}.get(name, "limit")
                total[kind] += 1
                right[kind] += read == text
    assert all(right[kind] >= 0.85 * total[kind] and total[kind] >= 5 for kind in total), (right, total)


def test_a_board_hangs_on_its_wall() -> None:
    canvas, rng = _canvas(), np.random.default_rng(2)
    board = draw_shop_sign(-1, 6.0, 14.0, False, rng)
    board.paint(canvas, rng)
    found = annotate(canvas)
    assert found.classes == ("shop_sign",) and found.texts == (board.name,) and 4 <= len(board.name) <= 6
    wall = canvas.camera.project(-6.0, 3.0, 14.0)[0] / 2
    assert wall < found.boxes[0, 0] < wall + 12
