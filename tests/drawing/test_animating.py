"""Films side by side: every step drawn, the same bytes for the same films, never larger than was said."""

import io

import numpy as np
from PIL import Image

from agentscope.drawing.animating import FRAME, LAST, MOST_FRAMES, Film, film_webp


def film(steps, colour, side=5):
    """A board on which one cell walks."""
    pictures = []
    for step in range(steps):
        picture = np.zeros((side, side, 3), dtype=np.uint8)
        picture[0, step % side] = colour
        pictures.append(picture)
    return Film("plain", tuple(pictures), tuple(f"step {step}: east" for step in range(steps)))


def frames_of(content):
    with Image.open(io.BytesIO(content)) as image:
        frames, durations = [], []
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")))
            durations.append(image.info.get("duration"))
    return frames, durations


def test_every_step_is_a_frame_and_the_last_one_stays_longer():
    frames, durations = frames_of(film_webp([film(3, (255, 0, 0)), film(5, (0, 0, 255))]))
    assert len(frames) == 5 and durations == [FRAME] * 4 + [LAST]


def test_cells_are_drawn_in_their_colours_at_their_places():
    frames, _ = frames_of(film_webp([film(3, (255, 0, 0)), film(3, (0, 0, 255))]))
    for step, frame in enumerate(frames):
        red, blue = (np.argwhere((frame == colour).all(axis=2)) for colour in ((255, 0, 0), (0, 0, 255)))
        assert len(red) == len(blue) == 35 * 35  # 176 // 5
        assert red[:, 1].max() < blue[:, 1].min()  # the first film stands on the left
        assert red[:, 1].min() == 12 + 35 * step and (red[:, 0] == blue[:, 0]).all()


def test_a_film_that_is_over_keeps_its_last_picture():
    frames, _ = frames_of(film_webp([film(1, (255, 0, 0)), film(4, (0, 0, 255))]))
    red = [np.argwhere((frame == (255, 0, 0)).all(axis=2)) for frame in frames]
    assert all(np.array_equal(red[0], each) for each in red)


def test_equal_films_give_equal_bytes_and_others_do_not():
    first, again, other = (film_webp([film(3, colour)]) for colour in ((9, 9, 9), (9, 9, 9), (9, 9, 10)))
    assert first == again and first != other


def test_long_films_are_cut_and_say_how_much_is_left():
    frames, _ = frames_of(film_webp([film(MOST_FRAMES + 7, (255, 0, 0))]))
    short, _ = frames_of(film_webp([film(MOST_FRAMES, (255, 0, 0))]))
    assert len(frames) == len(short) == MOST_FRAMES
    assert not np.array_equal(frames[-1], short[-1]) and np.array_equal(frames[-2], short[-2])


def test_noise_is_brought_under_the_limit():
    noise = np.random.default_rng(0).integers(0, 256, size=(30, 170, 170, 3), dtype=np.uint8)
    content = film_webp([Film("noise", tuple(noise), ("",) * 30)], most_bytes=100_000)
    assert len(content) <= 100_000 and frames_of(content)[0]
    assert len(film_webp([Film("noise", tuple(noise[:2]), ("",) * 2)], most_bytes=10**7)) > 100_000


def test_large_pictures_are_reduced_and_titles_never_leave_their_room():
    tall = np.zeros((800, 400, 3), dtype=np.uint8)
    frames, _ = frames_of(film_webp([Film("a title " * 50, (tall,), ("a caption " * 50,))]))
    assert frames[0].shape[0] < 260 and frames[0].shape[1] == 200 + 2 * 12
