"""Array shapes and types are checked while the tests run; numba's kernels are left out, which the hook would break."""

from jaxtyping import install_import_hook

CHECKED = (
    "agentscope.agents",
    "agentscope.language.batches",
    "agentscope.language.binding",
    "agentscope.language.evaluating",
    "agentscope.language.tracing",
    "agentscope.measures",
    "agentscope.pipeline",
    "agentscope.probes",
    "agentscope.rollouts",
    "agentscope.strategies",
    "agentscope.testing",
    "agentscope.trials",
    "agentscope.verification",
    "agentscope_envs.chance",
    "agentscope_envs.gridworlds.concepts",
    "agentscope_envs.gridworlds.edits",
    "agentscope_envs.gridworlds.keydoor",
    "agentscope_envs.gridworlds.twin",
    "agentscope_envs.tetris.concepts",
    "agentscope_envs.tetris.editing",
    "agentscope_envs.tetris.env",
    "agentscope_envs.tetris.features",
)

install_import_hook(CHECKED, "beartype.beartype")
