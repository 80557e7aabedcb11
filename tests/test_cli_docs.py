"""The reference pages name everything that they promise to name."""

from pathlib import Path

from agentscope import errors
from agentscope.reports.schema import TOP_KEYS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_error_class_has_its_cause_and_cure():
    page = (DOCS / "errors.md").read_text()
    family = [name for name, item in vars(errors).items() if isinstance(item, type)]
    assert [name for name in family if f"| `{name}` |" not in page] == []


def test_every_key_of_the_report_is_described():
    page = (DOCS / "formats.md").read_text()
    assert [key for key in TOP_KEYS if f"| `{key}` |" not in page] == []
