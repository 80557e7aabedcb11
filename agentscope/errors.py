"""Every error that a user can cause, as one family: each says what is wrong, what was found and what to do."""

from __future__ import annotations


class AgentScopeError(Exception):
    """Base of all errors that AgentScope raises on purpose; the command line prints it as one line and exits with 2."""


class RefusedFile(AgentScopeError):
    """A file is damaged, too large, or holds what the inert reader does not allow."""


class UnsupportedAgent(AgentScopeError):
    """The file is sound, but its algorithm, policy, space or extractor is not one that AgentScope reads."""


class UnknownAgent(AgentScopeError):
    """No shipped agent, folder or zip goes by this name."""


class BadCard(AgentScopeError):
    """A card.toml holds an unknown key, a value of the wrong type, or a module that is not on the allow-list."""


class EnvironmentMissing(AgentScopeError):
    """An SB3 zip names no environment, or the environment that was named cannot be made."""


class SpaceMismatch(AgentScopeError):
    """Network and environment do not fit: another observation shape, dtype or number of actions."""


class ContractBroken(AgentScopeError):
    """An environment, form or readout does not keep the contract that it declares."""


class ConceptsMissing(AgentScopeError):
    """A concept is asked for that the environment does not declare."""


class EmptySample(AgentScopeError):
    """There are no states or episodes, so the measure has no meaning."""


class TextError(AgentScopeError):
    """A text in the pseudocode language breaks its grammar, types or limits.

    Attributes: line and column count from 1; 0 means the whole text.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.line = line
        self.column = column
        super().__init__(f"line {line}, column {column}: {message}" if line else message)


class DoesNotCompile(TextError):
    """A sound text uses what `agentscope.compiling` cannot turn into a network; line and column say where."""


class RunFolderMismatch(AgentScopeError):
    """The run folder belongs to another agent, or holds no run yet."""


class BadOption(AgentScopeError):
    """A command-line option or argument has a value that means nothing."""
