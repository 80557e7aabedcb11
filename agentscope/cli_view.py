"""`agentscope view`: the page of a run folder on 127.0.0.1."""
