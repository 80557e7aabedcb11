"""What `train.py` trains: agents whose card is a recipe, on every shelf but the zoo's."""

from agentscope.agents.finding import carded_folders
from agentscope_trained.train import HERE, trainable


def test_recipes_are_found_beside_each_other_and_among_the_compiled_agents() -> None:
    found = trainable()
    assert {"keydoor-ppo", "tetris-dqn", "trigger-learned", "columns-learned"} <= set(found)
    assert found["trigger-learned"] == HERE / "compiled" / "trigger-learned"


def test_agents_that_other_scripts_make_are_left_alone() -> None:
    others = set(carded_folders(HERE)) - set(trainable())
    zoo = {name for name, place in carded_folders(HERE).items() if "zoo" in place.relative_to(HERE).parts}
    assert zoo <= others and "trigger-dqn-relu-l0" in others
