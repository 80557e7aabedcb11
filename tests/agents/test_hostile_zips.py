"""Zips made to harm: nothing in them runs, each gets a named refusal or is read inertly, and work stays bounded."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch

from agentscope.agents import describe_zip, load_network, read_pickle, read_zip
from agentscope.agents.pickles import MAX_OPCODES, Name
from agentscope.agents.tensors import read_tensors
from agentscope.errors import AgentScopeError, RefusedFile, UnsupportedAgent
from tests.agents.little_models import SPACES, some_observations


class Payload:
    """Leaves a marker file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, (f"open({str(self.marker)!r}, 'w').close()",))


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_data(path: Path, change: Callable[[dict[str, Any]], Any]) -> bytes:
    members = members_of(path)
    data = json.loads(members["data"])
    change(data)
    members["data"] = json.dumps(data).encode()
    return zipped(members)


def blob(value: Any) -> dict[str, str]:
    return {":type:": "x", ":serialized:": base64.b64encode(cloudpickle.dumps(value)).decode()}


def raw_blob(data: bytes) -> dict[str, str]:
    return {":type:": "x", ":serialized:": base64.b64encode(data).decode()}


@pytest.mark.parametrize("key", ["policy_class", "policy_kwargs", "observation_space", "action_space"])
def test_a_payload_in_a_needed_entry_is_refused_and_does_not_run(key: str, dqn_zip: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile = with_data(dqn_zip, lambda data: data.update({key: blob(Payload(marker))}))
    with pytest.raises(AgentScopeError, match=r"eval|class|arguments"):
        load_network(hostile)
    described = describe_zip(hostile)
    assert described["refused"]
    row = next(row for row in described["would_run"] if row["key"] == key)
    assert row["unusual"] == ["builtins.eval"] and row["calls"] == ["builtins.eval"]
    assert not marker.exists()


def test_a_payload_beside_a_sound_value_is_refused_by_name(dqn_zip: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    sound = base64.b64decode(json.loads(members_of(dqn_zip)["data"])["policy_class"][":serialized:"])
    first = cloudpickle.dumps(Payload(marker), protocol=4)
    frames = pickle.dumps(None, protocol=4)[:2] + first[11:-1] + b"0" + sound[11:]
    hostile = with_data(dqn_zip, lambda data: data["policy_class"].update(raw_blob(frames)))
    with pytest.raises(RefusedFile, match=r"builtins\.eval"):
        load_network(hostile)
    assert not marker.exists()


def test_a_payload_in_an_invented_key_is_noticed_and_does_not_run(dqn_zip: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    hostile = with_data(dqn_zip, lambda data: data.update({"invented": blob(Payload(marker))}))
    network = load_network(hostile)
    found = [notice for notice in network.notices if notice.kind == "foreign-code"]
    assert len(found) == 1 and "builtins.eval" in found[0].summary and found[0].severity == "high"
    observations = some_observations(SPACES["float"], 20)
    assert np.array_equal(network.scores(observations), load_network(dqn_zip).scores(observations))
    assert not marker.exists()


def test_a_payload_in_policy_pth_is_refused_by_name(dqn_zip: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    buffer = io.BytesIO()
    torch.save({"q_net.q_net.0.weight": Payload(marker)}, buffer)
    members = {**members_of(dqn_zip), "policy.pth": buffer.getvalue()}
    hostile = zipped(members)
    with pytest.raises(RefusedFile, match=r"policy\.pth.*__builtin__\.eval"):
        load_network(hostile)
    assert "__builtin__.eval" in describe_zip(hostile)["refused"]
    assert not marker.exists()


def test_a_policy_class_stored_as_code_is_shown_and_refused(dqn_zip: Path) -> None:
    from stable_baselines3.dqn.policies import DQNPolicy

    strange = type("StrangePolicy", (DQNPolicy,), {"__module__": "__main__", "extra": lambda self: 1})
    hostile = with_data(dqn_zip, lambda data: data.update(policy_class=blob(strange)))
    with pytest.raises(UnsupportedAgent, match=r"StrangePolicy.*stored as code"):
        load_network(hostile)
    assert describe_zip(hostile)["policy_class"] == "StrangePolicy"


def test_rewriting_the_text_alone_changes_nothing_but_is_noticed(ppo_zip: Path) -> None:
    def lie(data: dict[str, Any]) -> None:
        data["policy_kwargs"]["activation_fn"] = "<class 'torch.nn.modules.activation.Tanh'>"
        data["observation_space"]["_shape"] = [7]
        data["policy_class"]["__init__"] = "<function OtherPolicy.__init__ at 0x7f>"
        data["action_space"]["n"] = "9"

    network = load_network(with_data(ppo_zip, lie))
    found = [notice.summary for notice in network.notices if notice.kind == "text-blob-mismatch"]
    assert len(found) == 4
    assert all(any(word in text for text in found) for word in ("Tanh", "[7]", "OtherPolicy", "'9'"))
    assert network.architecture["activation"] == "ReLU"
    observations = some_observations(SPACES["float"], 20)
    assert np.array_equal(network.scores(observations), load_network(ppo_zip).scores(observations))


def test_text_and_blob_of_a_sound_file_agree(ppo_zip: Path, dqn_zip: Path) -> None:
    for path in (ppo_zip, dqn_zip):
        assert not [n for n in load_network(path).notices if n.kind == "text-blob-mismatch"]


def mutations(sound: bytes, members: dict[str, bytes], count: int) -> list[bytes]:
    """Byte flips, truncations, swapped members, inflated sizes, and flips within members and blobs, by seed."""
    rng = np.random.default_rng(20)
    made = []
    for index in range(count):
        data = bytearray(sound)
        kind = index % 6
        if kind == 0:
            for at in rng.integers(0, len(data), size=int(rng.integers(1, 9))):
                data[at] ^= int(rng.integers(1, 256))
        elif kind == 1:
            data = data[: int(rng.integers(0, len(data)))]
        elif kind == 2:
            names = list(members)
            order = rng.permutation(len(names))
            data = bytearray(zipped({names[i]: members[names[j]] for i, j in enumerate(order)}))
        elif kind == 3:
            directory = struct.unpack("<I", data[-6:-2])[0]
            at = directory + int(rng.choice([20, 24, 42, 10, 8, 28]))
            data[at : at + 2] = struct.pack("<H", int(rng.integers(0, 2**16)))
        elif kind == 4:
            table = json.loads(members["data"])
            entry = table[str(rng.choice(["policy_class", "observation_space", "action_space"]))]
            pickled = bytearray(base64.b64decode(entry[":serialized:"]))
            for at in rng.integers(0, len(pickled), size=int(rng.integers(1, 4))):
                pickled[at] = int(rng.integers(0, 256))
            entry[":serialized:"] = base64.b64encode(pickled).decode()
            data = bytearray(zipped({**members, "data": json.dumps(table).encode()}))
        else:
            name = str(rng.choice(["data", "policy.pth"]))
            inner = bytearray(members[name])
            for at in rng.integers(0, len(inner), size=int(rng.integers(1, 5))):
                inner[at] = int(rng.integers(0, 256))
            data = bytearray(zipped({**members, name: bytes(inner)}, zipfile.ZIP_DEFLATED))
        made.append(bytes(data))
    return made


def test_two_hundred_mutated_zips_give_only_our_errors(dqn_zip: Path, ppo_zip: Path) -> None:
    refused = 0
    for path in (dqn_zip, ppo_zip):
        for data in mutations(path.read_bytes(), members_of(path), 100):
            for read in (load_network, describe_zip):
                try:
                    read(data)
                except AgentScopeError as error:
                    refused += 1
                    assert str(error).isprintable() and len(str(error)) < 600
    assert refused > 100


def lzma_zip(members: dict[str, bytes]) -> bytes:
    return zipped(members, zipfile.ZIP_LZMA)


def overlapping(members: dict[str, bytes]) -> bytes:
    data = bytearray(zipped({"data": members["data"], "policy.pth": members["data"]}))
    directory = struct.unpack("<I", data[-6:-2])[0]
    second = data.index(b"PK\x01\x02", directory + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(data)


def bomb(members: dict[str, bytes]) -> bytes:
    return zipped({"data": b" " * (9 * 2**20), "policy.pth": members["policy.pth"]}, zipfile.ZIP_DEFLATED)


def encrypted(members: dict[str, bytes]) -> bytes:
    data = bytearray(zipped(members))
    directory = struct.unpack("<I", data[-6:-2])[0]
    data[directory + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lzma_zip, "compression 14"),
        (overlapping, "contradicts|overlaps"),
        (bomb, "JSON is larger"),
        (encrypted, "encrypted"),
        (lambda members: zipped({**members, "x.py": b""}), "no SB3 zip has a member 'x.py'"),
        (lambda members: zipped({"data": members["data"]}), "'policy.pth' is missing"),
        (lambda members: zipped({str(i): b"" for i in range(17)}), "17 members, 16 are allowed"),
        (lambda members: zipped({**members, "data": b'{"a": 1, "a": 2}'}), "names a key twice"),
        (lambda members: zipped({**members, "data": b"[" * 100_000}), "JSON is damaged"),
        (lambda members: zipped({**members, "data": b"9" * 100_000}), "JSON is damaged"),
        (lambda members: zipped({**members, "data": b"[" + b"{}," * 20_000 + b"{}]"}), "tables"),
        (lambda members: zipped(members) + b"tail", "no zip directory at its end"),
        (lambda members: b"PK\x03\x04" + zipped(members), "refused"),
        (lambda members: b"", "no zip directory"),
    ],
)
def test_odd_zips_are_refused_with_the_reason(
    make: Callable[[dict[str, bytes]], bytes], message: str, dqn_zip: Path
) -> None:
    with pytest.raises(RefusedFile, match=message):
        read_zip(make(members_of(dqn_zip)))


def torch_bytes(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def rewritten_pickle(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    assert change(members[name]) != members[name]
    members[name] = change(members[name])
    return zipped(members)


def test_tensors_come_out_as_torch_reads_them() -> None:
    generator = torch.Generator().manual_seed(1)
    state = {
        "a": torch.randn(3, 4, generator=generator),
        "t": torch.randn(3, 4, generator=generator).T,
        "s": torch.randn(10, generator=generator)[3:7],
        "i": torch.arange(5),
        "d": torch.randn(2, 2, 2, generator=generator).double(),
        "e": torch.zeros(0, 3),
        "b": torch.tensor(True),
    }
    found = read_tensors(torch_bytes(state))
    assert list(found) == list(state)
    for name, tensor in state.items():
        assert found[name].dtype == tensor.numpy().dtype
        assert np.array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x00K\x03K\x04\x86", b"K\x01K\x03K\x04\x86"),  # offset 1
        (b"K\x00K\x03K\x04\x86", b"K\x00K\x03K\x05\x86"),  # a longer row
        (b"K\x04K\x01\x86", b"K\x05K\x01\x86"),  # a longer stride
        (b"cpuq\x06K\x0c", b"cpuq\x06K\x0d"),  # a larger storage
        (b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x009"),  # no such storage
        (b"FloatStorage", b"DummyStorage"),
    ],
)
def test_tensors_that_leave_their_storage_are_refused(old: bytes, new: bytes) -> None:
    sound = torch_bytes({"a": torch.zeros(3, 4)})
    with pytest.raises(RefusedFile, match=r"policy\.pth is refused"):
        read_tensors(rewritten_pickle(sound, lambda data: data.replace(old, new)))


def test_a_pickle_is_read_as_records() -> None:
    parsed = read_pickle(pickle.dumps({"a": [1, (2.5, "x")], "b": {1, 2}, "c": np.float32, "d": frozenset({3})}))
    assert parsed.value["a"] == [1, (2.5, "x")]
    assert parsed.value["b"] == {1, 2} and parsed.value["d"] == frozenset({3})
    assert parsed.value["c"] == Name("numpy", "float32")


def nested(depth: int) -> bytes:
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x02" + b"0" * 3 + b".", "takes more from the stack"),
        (b"\x80\x02(i__main__\nx\n.", "INST is not allowed"),
        (b"\x80\x02(c__main__\nx\no.", "OBJ is not allowed"),
        (b"\x80\x02\x82\x01.", "EXT1 is not allowed"),
        (b"Pabc\n.", "PERSID is not allowed"),
        (b"\x80\x02K\x01Q.", "BINPERSID is not allowed"),
        (b"\x80\x02" + b"N0" * MAX_OPCODES + b"N.", "opcodes"),
        (b"\x80\x02h\x05.", "memo entry"),
        (b"\x80\x02]" + b"2\x86" * 200 + b".", "nested deeper|stack"),
        (nested(200), "nested deeper"),
        (b"\x80\x02}]K\x01s.", "key that is not plain"),
        (b"\x80\x02NN.", "exactly one object"),
        (b"\x80\x02N.N.", "exactly one object"),
        (b"\x80\x02" + pickle.LONG4 + struct.pack("<i", 4000) + b"\x01" * 4000 + b".", "bits"),
        (b"\x80\x02" + pickle.BINBYTES8 + struct.pack("<Q", 2**60) + b".", "damaged"),
        (b"I" + b"9" * 5000 + b"\n.", "damaged"),
        (b"", "damaged"),
    ],
)
def test_odd_pickles_are_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(RefusedFile, match=message):
        read_pickle(data)


def test_a_pickle_that_would_take_exponentially_long_to_hash_or_print_is_cheap() -> None:
    doubled = b"\x80\x02)" + b"2\x86" * 40  # each tuple holds the last one twice
    with pytest.raises(RefusedFile, match="not plain"):
        read_pickle(b"\x80\x02}" + doubled[2:] + b"Ns.")
    assert read_pickle(doubled + b".").opcodes < 100


def test_an_extractor_that_would_need_a_huge_table_is_refused(tmp_path: Path) -> None:
    import gymnasium
    from stable_baselines3 import DQN

    from agentscope.agents.extractors import GridExtractor
    from tests.agents.little_models import Toy

    space = gymnasium.spaces.Box(0, 10, (3, 60, 60), np.uint8)
    kwargs = {"features_extractor_class": GridExtractor, "net_arch": [],
              "features_extractor_kwargs": {"colours": 0, "states": 0, "objects": 1}}  # fmt: skip
    model = DQN("MlpPolicy", Toy(space), policy_kwargs=kwargs, buffer_size=1, device="cpu")
    model.save(tmp_path / "grid.zip")
    kwargs["features_extractor_kwargs"]["reach"] = 2000  # type: ignore[index]
    hostile = with_data(tmp_path / "grid.zip", lambda data: data.update(policy_kwargs=blob(kwargs)))
    with pytest.raises(RefusedFile, match="would hold"):
        load_network(hostile)


def test_the_work_that_one_file_can_ask_for_is_bounded_over_all_blobs(dqn_zip: Path) -> None:
    many = {f"key_{i}": raw_blob(b"\x80\x02" + b"N0" * 19_000 + b"N.") for i in range(30)}
    network = load_network(with_data(dqn_zip, lambda data: data.update(many)))
    assert any("opcodes" in notice.summary for notice in network.notices)


def test_a_value_that_repeats_itself_is_not_printed_exponentially_often(ppo_zip: Path) -> None:
    wide: Any = [1] * 100
    for _ in range(6):
        wide = [wide] * 100
    kwargs = {"activation_fn": torch.nn.ReLU, "optimizer_kwargs": wide}
    network = load_network(with_data(ppo_zip, lambda data: data.update(policy_kwargs=blob(kwargs))))
    assert network.architecture["activation"] == "ReLU"


@pytest.mark.parametrize("width", [10**9, 10**30, -1, "8", None, [1]])
def test_an_extractor_with_absurd_arguments_is_refused_before_it_takes_memory(width: Any, tmp_path: Path) -> None:
    from agentscope.agents.extractors import PlacementExtractor
    from tests.agents.little_models import make_model

    path = tmp_path / "placement.zip"
    make_model("DQN", "planes", features_extractor_class=PlacementExtractor, net_arch=[]).save(path)
    kwargs = {"features_extractor_class": PlacementExtractor, "net_arch": [],
              "features_extractor_kwargs": {"channels": width}}  # fmt: skip
    hostile = with_data(path, lambda data: data.update(policy_kwargs=blob(kwargs)))
    with pytest.raises(RefusedFile, match="does not fit the architecture"):
        load_network(hostile)
