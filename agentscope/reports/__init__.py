"""Reports: report.json and its schema, the run folder, the gist, the terminal view and the offline page."""

from agentscope.reports.audit_pages import read_films
from agentscope.reports.building import (
    agent_record,
    build_report,
    comparison_document,
    empty_report,
    environment_record,
    run_record,
    with_audit,
    with_comparison,
    with_pictures,
    with_primitives,
)
from agentscope.reports.depth import read_pictures
from agentscope.reports.figures import baselines_of, by_agreement, by_gain
from agentscope.reports.findings import findings_document, read_findings
from agentscope.reports.gist import write_gist
from agentscope.reports.markup import View, coloured_lines
from agentscope.reports.page import report_page
from agentscope.reports.runs import POINT_FILES, RunFolder, default_folder, printed, read_report
from agentscope.reports.sanitising import plain_text, to_plain
from agentscope.reports.schema import FINDINGS_SCHEMA, SCHEMA
from agentscope.reports.sections import SECTIONS, section_html
from agentscope.reports.style import STYLE
from agentscope.reports.watch_section import WATCH_FILE, read_watch
from agentscope.reports.writing import (
    audit_document,
    compare_document,
    decompile_document,
    probe_document,
    write_audit,
    write_comparison,
    write_decompilation,
    write_inspection,
    write_page,
    write_primitives,
    write_watch,
)

__all__ = [
    "FINDINGS_SCHEMA",
    "POINT_FILES",
    "SCHEMA",
    "SECTIONS",
    "STYLE",
    "WATCH_FILE",
    "RunFolder",
    "View",
    "agent_record",
    "audit_document",
    "baselines_of",
    "build_report",
    "by_agreement",
    "by_gain",
    "coloured_lines",
    "compare_document",
    "comparison_document",
    "decompile_document",
    "default_folder",
    "empty_report",
    "environment_record",
    "findings_document",
    "plain_text",
    "printed",
    "probe_document",
    "read_films",
    "read_findings",
    "read_pictures",
    "read_report",
    "read_watch",
    "report_page",
    "run_record",
    "section_html",
    "to_plain",
    "with_audit",
    "with_comparison",
    "with_pictures",
    "with_primitives",
    "write_audit",
    "write_comparison",
    "write_decompilation",
    "write_gist",
    "write_inspection",
    "write_page",
    "write_primitives",
    "write_watch",
]
