"""State sets and rollouts on disk: the same back, the same bytes, nothing unpickled."""

import pickle
import zipfile

import numpy as np
import pytest

from agentscope.errors import RefusedFile
from agentscope.records import StateSet
from agentscope.rollouts import Streams, load_states, make_environment, save_states, write_rollouts

DTYPE = np.dtype([("grid", np.uint8, (2, 3)), ("key", np.uint64), ("over", np.bool_)])


def small_set():
    states = np.zeros(3, dtype=DTYPE)
    states["grid"] = np.arange(18).reshape(3, 2, 3)
    states["key"] = 2**63 + np.arange(3, dtype=np.uint64)
    states["over"] = [True, False, True]
    return StateSet("edited", states, np.array([5, 5, 2**61]), np.array([0, 1, 0]), np.array([1, 0, 1]), ("a", "b"))


def test_a_state_set_comes_back_as_it_was(tmp_path):
    save_states(tmp_path / "states.npz", small_set())
    back = load_states(tmp_path / "states.npz")
    assert back.states.dtype == DTYPE
    assert np.array_equal(back.states, small_set().states)
    for field in ("episode", "step", "feature"):
        assert np.array_equal(getattr(back, field), getattr(small_set(), field))
    assert (back.name, back.feature_names, back.exhaustive) == ("edited", ("a", "b"), False)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "FrozenLake-v1", "agentscope_envs:AgentScope/Tetris-v0"])
def test_states_of_real_environments_come_back_and_can_be_stepped(tmp_path, env_id):
    env = make_environment(env_id)
    states = env.reset(Streams(0).episode_seeds("exam", 5))
    save_states(tmp_path / "states.npz", StateSet("network", states, np.arange(5), np.zeros(5, int), exhaustive=True))
    back = load_states(tmp_path / "states.npz")
    assert back.exhaustive
    assert back.feature is None
    assert np.array_equal(env.step(back.states, np.zeros(5, int)).states, env.step(states, np.zeros(5, int)).states)


def test_same_set_same_bytes(tmp_path):
    for name in ("one.npz", "two.npz"):
        save_states(tmp_path / name, small_set())
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_damaged_missing_foreign_and_pickled_files_are_refused(tmp_path):
    path = tmp_path / "states.npz"
    save_states(path, small_set())
    whole = path.read_bytes()
    cases = {"cut.npz": whole[:200], "empty.npz": b"", "text.npz": b"hello"}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RefusedFile, match=name):
            load_states(tmp_path / name)
    with pytest.raises(RefusedFile):
        load_states(tmp_path / "absent.npz")
    np.savez(tmp_path / "old.npz", layout=np.array(99))
    with pytest.raises(RefusedFile, match="layout 99"):
        load_states(tmp_path / "old.npz")


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_objects_in_the_file_are_never_unpickled(tmp_path):
    path = tmp_path / "states.npz"
    np.savez(path, layout=np.array(1), fields=np.array([Bomb(tmp_path / "marker")], dtype=object))
    with pytest.raises(RefusedFile):
        load_states(path)
    assert not (tmp_path / "marker").exists()
    (tmp_path / "bomb.npz").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(RefusedFile):
        load_states(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("layout.npy", b"no array")
    with pytest.raises(RefusedFile):
        load_states(tmp_path / "zip.npz")


def test_rollouts_are_one_line_an_episode(tmp_path):
    rows = [
        {"seed": 2**61, "network_return": 1.5, "identical": True},
        {"seed": 3, "network_return": 0.1, "identical": False},
    ]
    write_rollouts(tmp_path / "rollouts.csv", rows)
    text = (tmp_path / "rollouts.csv").read_text()
    assert text.splitlines() == ["seed,network_return,identical", f"{2**61},1.5,True", "3,0.1,False"]
