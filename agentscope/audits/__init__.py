"""Audits: detectors of what should not be there, one a file; guard, units, witnesses, and what was searched."""

from agentscope.audits.detecting import KINDS as KINDS
from agentscope.audits.detecting import SEVERITIES as SEVERITIES
from agentscope.audits.detecting import Detection as Detection
from agentscope.audits.detecting import Detector as Detector
from agentscope.audits.detecting import Suspicion as Suspicion
from agentscope.audits.disagreements import DisagreementDetector as DisagreementDetector
from agentscope.audits.files import FileDetector as FileDetector
from agentscope.audits.gaming import GamingDetector as GamingDetector
from agentscope.audits.inert import InertFeatures as InertFeatures
from agentscope.audits.proxies import ProxyDetector as ProxyDetector
from agentscope.audits.regions import Regions as Regions
from agentscope.audits.sequences import ShownPasts as ShownPasts
from agentscope.audits.silence import SilentUnits as SilentUnits
from agentscope.audits.subject import AUDITS as AUDITS
from agentscope.audits.subject import AuditBudget as AuditBudget
from agentscope.audits.subject import Subject as Subject

DETECTORS: tuple[Detector, ...] = (
    InertFeatures(), ShownPasts(), Regions(), ProxyDetector(), GamingDetector(), DisagreementDetector(), FileDetector(),
    SilentUnits(),
)  # fmt: skip
