"""`python -m agentscope` is the command line."""

from agentscope.cli import main

if __name__ == "__main__":
    main(prog_name="agentscope")
