"""Strategies: forms of decision procedure, the search among them, and the frontier of size against fidelity."""

from agentscope.strategies.checking import check_form as check_form
from agentscope.strategies.forms import FORMS as FORMS
from agentscope.strategies.forms import Candidate as Candidate
from agentscope.strategies.forms import Form as Form
from agentscope.strategies.judging import Judge as Judge
from agentscope.strategies.judging import Judged as Judged
from agentscope.strategies.lessons import Lessons as Lessons
from agentscope.strategies.lessons import lessons_from as lessons_from
from agentscope.strategies.search import Options as Options
from agentscope.strategies.search import Search as Search
from agentscope.strategies.search import fit_to_optimal as fit_to_optimal
from agentscope.strategies.search import search_strategy as search_strategy
from agentscope.strategies.study import Study as Study
