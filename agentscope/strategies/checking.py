"""The checker of the plug-in point: does a form keep what `Form` promises?"""

from __future__ import annotations

import numpy as np

from agentscope.errors import ContractBroken, TextError
from agentscope.strategies.forms import Form
from agentscope.strategies.judging import Judge
from agentscope.strategies.study import Study


def check_form(form: Form, study: Study) -> None:
    """Fit a form twice to one study, and run what it writes.

    Raises: ContractBroken: the form does not apply to the study, writes fewer texts than sizes, a text that the
        language refuses, or another text from the same seed.
    """
    reason = form.applies(study)
    if reason is not None:
        raise ContractBroken(f"form {form.name!r} does not apply to {study.env.id}: {reason}. Check it on another.")
    sizes = form.sizes[:3]
    first, second = (tuple(form.fit(study, sizes, np.random.default_rng(0))) for _ in range(2))
    if len(first) < len(sizes):
        raise ContractBroken(f"form {form.name!r} was asked for {len(sizes)} sizes and wrote {len(first)} texts.")
    if first != second:
        raise ContractBroken(f"form {form.name!r} wrote two different texts from one seed: draw from `generator` only.")
    judge = Judge(study.env, study.lessons)
    for text in first:
        try:
            judge.judge(form.name, text)
        except TextError as error:
            raise ContractBroken(f"form {form.name!r} wrote a text that the language refuses: {error}") from error
