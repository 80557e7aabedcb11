"""Known answers: programs of the pseudocode language, compiled to real Stable-Baselines3 networks.

`units.py` and `gadgets.py` say why a compiled network is exact; docs/compiling.md what compiles.
"""

from agentscope.compiling.columns import compile_column as compile_column
from agentscope.compiling.columns import tie_columns as tie_columns
from agentscope.compiling.compiling import Recipe as Recipe
from agentscope.compiling.compiling import compile_agent as compile_agent
from agentscope.compiling.disguises import add_noise as add_noise
from agentscope.compiling.disguises import disguise as disguise
from agentscope.compiling.disguises import shuffle_weights as shuffle_weights
from agentscope.compiling.disguises import untrained as untrained
from agentscope.compiling.grids import grid_sensor as grid_sensor
from agentscope.compiling.models import build_model as build_model
from agentscope.compiling.models import scores_of as scores_of
from agentscope.compiling.programs import SUBJECTS as SUBJECTS
from agentscope.compiling.programs import Subject as Subject
from agentscope.compiling.programs import ladder as ladder
from agentscope.compiling.programs import subject as subject
from agentscope.compiling.records import CarriedConcept as CarriedConcept
from agentscope.compiling.records import Carrier as Carrier
from agentscope.compiling.records import CompilationRecord as CompilationRecord
from agentscope.compiling.records import CompiledAgent as CompiledAgent
from agentscope.compiling.records import encode as encode
from agentscope.compiling.sensing import Sensor as Sensor
from agentscope.compiling.sensing import flat_sensor as flat_sensor
