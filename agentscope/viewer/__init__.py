"""`agentscope view`: the page on 127.0.0.1 that steps through a run, edits its boards and tries other texts."""
