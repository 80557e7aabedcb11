"""Labelled states from a file: what becomes of them, and that a wrong or hostile file is refused in one line."""

import io
import struct
import zipfile

import gymnasium
import numpy as np
import pytest

from agentscope.errors import AgentScopeError, BadOption, ConceptsMissing, RefusedFile
from agentscope.probes import probe_concept
from agentscope.probes.labels import read_labels
from agentscope.probes.tables import MOST_UNPACKED
from tests.language.conftest import LittleEnv
from tests.probes.test_finding import BITS, compiled, twins, xor


class BitsEnv(LittleEnv):
    id = "Bits-v0"
    observation_space = gymnasium.spaces.Box(0, 1, (3, 4), np.uint8)


def arrays(count=600):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (count, 3, 4)).astype(np.uint8)
    flat = bits.reshape(count, -1)
    return {
        "observations": bits,
        "episode": np.arange(count) // 20,
        "parity": xor(flat),
        "ones": flat.sum(axis=1, dtype=np.int32),
        "tilt": flat[:, 0] - flat[:, 1].astype(np.float32) / 2,
        "below": flat[:, 0].astype(np.int16) - 1,
        "corner": np.array(["none", "left", "right", "both"])[flat[:, 0] * 2 + flat[:, 3]],
    }


def saved(folder, content, name="labels.npz"):
    np.savez_compressed(folder / name, **content)
    return folder / name


def as_csv(content):
    rows = [[*(f"obs_{i}" for i in range(12)), *list(content)[1:]]]
    columns = [content["observations"].reshape(len(content["episode"]), -1), *list(content.values())[1:]]
    for i in range(len(columns[0])):
        rows.append([str(cell) for cell in columns[0][i]] + [str(column[i]) for column in columns[1:]])
    return "\n".join(",".join(row) for row in rows) + "\n"


@pytest.fixture
def env():
    return BitsEnv()


def test_arrays_become_concepts_by_their_type(tmp_path, env):
    found = read_labels(saved(tmp_path, arrays()), env)
    assert {c.name: c.kind for c in found.concepts} == {
        "parity": "flag", "ones": "count", "tilt": "number", "below": "number", "corner": "choice",
    }  # fmt: skip
    given = arrays()
    np.testing.assert_array_equal(found.observations, given["observations"])
    assert found.observations.dtype == np.uint8 and found.labels["ones"].dtype == np.int64
    np.testing.assert_array_equal(found.episodes, given["episode"])
    corner = next(c for c in found.concepts if c.name == "corner")
    np.testing.assert_array_equal(np.array(corner.choices)[found.labels["corner"]], given["corner"])
    with pytest.raises(ConceptsMissing, match=r"known only for the states of labels\.npz"):
        corner.measure(found.observations)


def test_csv_says_the_same(tmp_path, env):
    (tmp_path / "labels.csv").write_text(as_csv(arrays()))
    from_csv, from_npz = read_labels(tmp_path / "labels.csv", env), read_labels(saved(tmp_path, arrays()), env)
    assert [(c.name, c.kind, c.choices) for c in from_csv.concepts] == [
        (c.name, c.kind, c.choices) for c in from_npz.concepts
    ]
    for name, values in from_npz.labels.items():
        np.testing.assert_array_equal(from_csv.labels[name], values)
    np.testing.assert_array_equal(from_csv.observations, from_npz.observations)
    np.testing.assert_array_equal(from_csv.episodes, from_npz.episodes)


def test_labels_from_a_file_are_probed_like_measured_ones(tmp_path, env):
    found = read_labels(saved(tmp_path, arrays(1500)), env)
    assert found.observations[0].size == BITS
    flat = type(found)(found.observations.reshape(len(found), -1), found.concepts, found.labels, found.episodes)
    probe = probe_concept(compiled(), flat, "parity", twins=twins(1), generator=np.random.default_rng(0))
    assert probe.primitive.where == "computed" and probe.primitive.layer == "second" and probe.primitive.score > 0.99


def wrong(**changes):
    content = {**arrays(40), **changes}
    return {name: values for name, values in content.items() if values is not None}


WRONG = {
    "no observations": (wrong(observations=None), "no array `observations`"),
    "no episode": (wrong(episode=None), "split by rows would leak"),
    "no concept": ({"observations": arrays(9)["observations"], "episode": np.arange(9)}, "no concept"),
    "another shape": (wrong(observations=np.zeros((40, 3, 5))), r"shape \(3, 5\) a state"),
    "words as observations": (wrong(observations=np.full((40, 3, 4), "x")), "not numbers"),
    "no finite observation": (wrong(observations=np.full((40, 3, 4), np.nan)), "no finite number"),
    "an id out of bounds": (wrong(observations=np.full((40, 3, 4), 2)), "whole number from 0 to 1"),
    "half an id": (wrong(observations=np.full((40, 3, 4), 0.5)), "whole number from 0 to 1"),
    "no state": (wrong(observations=np.zeros((0, 3, 4)), episode=np.zeros(0, int)), "holds 0 states"),
    "decimal episodes": (wrong(episode=np.arange(40.0)), "episode is one whole number"),
    "too few episodes": (wrong(episode=np.arange(39)), "episode is one whole number"),
    "a short concept": (wrong(ones=np.arange(39)), "ones has shape"),
    "a wide concept": (wrong(ones=np.zeros((40, 2))), "height_0"),
    "a missing number": (wrong(tilt=np.where(np.arange(40) == 7, np.nan, 1.0)), "state 7"),
    "an infinite number": (wrong(tilt=np.where(np.arange(40) == 7, np.inf, 1.0)), "state 7"),
    "complex numbers": (wrong(tilt=np.ones(40, complex)), "complex"),
    "dates": (wrong(tilt=np.full(40, np.datetime64("2020-01-01"))), "datetime"),
    "bytes": (wrong(corner=np.full(40, b"x")), "dtype"),
    "records": (wrong(corner=np.zeros(40, [("x", int)])), "dtype"),
    "an unprintable word": (wrong(corner=np.full(40, "\x1b[31m")), "printable"),
    "no identifier": (wrong(**{"two words": np.arange(40)}), "identifier"),
    "beyond int64": (wrong(ones=np.full(40, 2**63, np.uint64)), "beyond int64"),
    "an episode beyond int64": (wrong(episode=np.full(40, 2**63, np.uint64)), "beyond int64"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_array_is_refused_with_what_was_found(tmp_path, env, name):
    content, message = WRONG[name]
    path = saved(tmp_path, content)
    with pytest.raises(RefusedFile, match=message) as told:
        read_labels(path, env)
    assert str(told.value).startswith("labels.npz") and str(told.value).isprintable()


def test_too_many_words_or_concepts_are_refused(tmp_path, env):
    content = {**arrays(100), "corner": np.arange(100).astype(str)}
    with pytest.raises(RefusedFile, match="100 different words; at most 64"):
        read_labels(saved(tmp_path, content), env)
    with pytest.raises(RefusedFile, match="305 concepts; at most 256"):
        read_labels(saved(tmp_path, {**arrays(5), **{f"x{i}": np.arange(5) for i in range(300)}}), env)


def member(shape, descr="'<i8'", data=b"", version=b"\x01\x00"):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + version + length + header + data


def packed(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


HOSTILE = {
    "an array larger than its bytes": packed(("observations.npy", member("(1000000000000,)", data=b"x" * 64))),
    "a shape below zero": packed(("observations.npy", member("(-1, -1)", data=b"x" * 8))),
    "no size at all": packed(("observations.npy", member("(1000000000000,)", "'<U0'"))),
    "objects": packed(("observations.npy", member("(1,)", "'|O'", b"cos\nsystem\n(S'true'\ntR."))),
    "code for a header": packed(("observations.npy", member("__import__('os').getpid()"))),
    "a deep header": packed(("observations.npy", member("(" * 5000 + ")" * 5000))),
    "a long header": packed(("observations.npy", member("(1," + "1," * 60_000 + ")", version=b"\x02\x00"))),
    "another version": packed(("observations.npy", member("(1,)", data=b"x" * 8, version=b"\x09\x00"))),
    "no array": packed(("observations.npy", b"nothing"), ("../../up", b"")),
    "no zip": b"PK\x03\x04" + b"\x00" * 100,
    "nothing": b"",
    "a pickle": b"\x80\x04K\x01.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_npz_is_refused(tmp_path, env, name):
    (tmp_path / "labels.npz").write_bytes(HOSTILE[name])
    with pytest.raises(RefusedFile) as told:
        read_labels(tmp_path / "labels.npz", env)
    assert str(told.value).isprintable() and len(str(told.value)) < 300


def test_two_arrays_of_one_name_and_a_bomb_are_refused(tmp_path, env):
    sound = member("(1,)", data=b"x" * 8)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = packed(("a.npy", sound), ("a.npy", sound))
    (tmp_path / "labels.npz").write_bytes(twice)
    with pytest.raises(RefusedFile, match="two arrays of one name"):
        read_labels(tmp_path / "labels.npz", env)
    bomb = bytearray(packed(("a.npy", sound)))
    place = bomb.rfind(b"PK\x01\x02") + 24  # the size that the directory declares
    bomb[place : place + 4] = struct.pack("<I", MOST_UNPACKED + 1)
    (tmp_path / "labels.npz").write_bytes(bytes(bomb))
    with pytest.raises(RefusedFile, match="bytes of arrays"):
        read_labels(tmp_path / "labels.npz", env)


def test_a_damaged_npz_raises_nothing_but_our_errors(tmp_path, env):
    data = saved(tmp_path, arrays(40)).read_bytes()
    rng, read = np.random.default_rng(3), 0
    for _ in range(300):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            changed[place] = rng.integers(256)
        (tmp_path / "changed.npz").write_bytes(
            bytes(changed[: rng.integers(1, len(data)) if rng.random() < 0.2 else None])
        )
        try:
            read_labels(tmp_path / "changed.npz", env)
            read += 1
        except AgentScopeError as told:
            assert str(told).isprintable()
    assert read < 300


SOUND = as_csv(arrays(30))
CSV = {
    "a long row": (SOUND + "1,2,3\n", "row 32 has 3 cells, the header 18"),
    "two columns of one name": (SOUND.replace("tilt", "ones", 1), "two columns of the name 'ones'"),
    "a word among numbers": (SOUND.replace("0.5", "half", 1), "holds 'half'"),
    "nothing among words": (SOUND.replace(",both", ",", 1), "holds ''"),
    "not a number": (SOUND.replace("0.5", "nan", 1), "holds 'nan'"),
    "an observation that is no number": (SOUND.replace("\n1,", "\nx,", 1), "of obs_0 holds 'x'"),
    "an observation left out": (SOUND.replace("obs_5", "obs_99"), "leave none out"),
    "the first component missing": (SOUND.replace("obs_0,", "first,", 1), "leave none out"),
    "only a header": (SOUND.splitlines()[0], "no array `observations`"),
    "empty": ("", "no array `observations`"),
    "an open quote": (SOUND + '"', "no sound csv"),
    "a NUL": (SOUND + "\0", "row 32"),
    "no episode": (SOUND.replace("episode", "sitting"), "no array `episode`"),
    "episodes by name": (as_csv({**arrays(30), "episode": np.full(30, "monday")}), "episode is one whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", CSV)
def test_a_wrong_csv_is_refused_with_the_row(tmp_path, env, name):
    text, message = CSV[name]
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(RefusedFile, match=message) as told:
        read_labels(tmp_path / "labels.csv", env)
    assert str(told.value).isprintable()


def test_other_files_are_refused(tmp_path, env, monkeypatch):
    with pytest.raises(BadOption, match=r"no file gone\.csv"):
        read_labels(tmp_path / "gone.csv", env)
    (tmp_path / "labels.pkl").write_bytes(b"")
    with pytest.raises(RefusedFile, match=r"neither \.npz nor \.csv"):
        read_labels(tmp_path / "labels.pkl", env)
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(RefusedFile, match="UTF-8"):
        read_labels(tmp_path / "labels.csv", env)
    monkeypatch.setattr("agentscope.probes.tables.MOST_PACKED", {"csv": 100, "npz": 100})
    (tmp_path / "labels.csv").write_text(SOUND)
    with pytest.raises(RefusedFile, match="more than the 100 bytes"):
        read_labels(tmp_path / "labels.csv", env)
    monkeypatch.setattr("agentscope.probes.tables.MOST_PACKED", {"csv": 10**6})
    monkeypatch.setattr("agentscope.probes.tables.MOST_CELLS", 100)
    with pytest.raises(RefusedFile, match="more than 100 cells"):
        read_labels(tmp_path / "labels.csv", env)
