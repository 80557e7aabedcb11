"""Comments above a def are kept: the contracts of a decompilation's functions."""

from __future__ import annotations

from dataclasses import replace

from agentscope.language import header_for, measure_size, parse, print_program

TEXT = """\
# agentscope text 1
# level: 3
# note: of the header

# Height of a column and its neighbour.
# 0 to 20
def pair(c):
    return height(c) + height(0)  # not kept

# not kept: a line is between

#
# The highest pair \u2014 first of equals.
def strategy(state) -> action:
    # not kept either
    return argmax(columns, key=lambda c: pair(c))
"""


def notes_of(text, vocabulary):
    return [function.notes for function in parse(text, vocabulary).functions]


def test_comments_directly_above_a_def_are_read_and_printed(vocabulary):
    program = parse(TEXT, vocabulary)
    pair, strategy = program.functions
    assert pair.notes == ("Height of a column and its neighbour.", "0 to 20")
    assert strategy.notes == ("", "The highest pair \u2014 first of equals.")
    printed = print_program(program)
    assert "not kept" not in printed
    assert "# 0 to 20\ndef pair(c):\n" in printed and "\n\n#\n# The highest" in printed
    assert notes_of(printed, vocabulary) == [pair.notes, strategy.notes]
    assert print_program(parse(printed, vocabulary)) == printed


def test_notes_are_no_part_of_what_a_text_says(vocabulary):
    program = parse(TEXT, vocabulary)
    bare = replace(program, functions=tuple(replace(part, notes=()) for part in program.functions))
    assert bare == program and measure_size(bare) == measure_size(program)
    moved = parse(print_program(program), vocabulary).return_lines
    assert [print_program(program).splitlines()[line - 1].split()[0] for line in moved] == ["return", "return"]


def test_a_header_is_no_note_and_a_note_is_no_header(vocabulary):
    text = "def strategy(state) -> action:\n    return wait\n"
    program = parse(text, vocabulary)
    strategy = replace(program.strategy, notes=("agentscope text 99", "level: 9"))
    assert notes_of(print_program(replace(program, functions=(strategy,))), vocabulary) == [strategy.notes]
    headed = replace(program, header=header_for("Little-v0", {}, level=3, notes=("one",)))
    assert notes_of(print_program(headed), vocabulary) == [()]
    strategy = replace(program.strategy, notes=("note: two", "level: 1"))
    printed = print_program(replace(headed, functions=(strategy,)))
    assert notes_of(printed, vocabulary) == [strategy.notes]
    assert parse(printed, vocabulary).header == headed.header


def test_notes_are_made_one_printable_line_each(vocabulary):
    program = parse("def strategy(state) -> action:\n    return wait\n", vocabulary)
    strategy = replace(program.strategy, notes=("a\nreturn 1\x1b[31m\u202e", "b" * 1_000))
    printed = print_program(replace(program, functions=(strategy,)))
    assert notes_of(printed, vocabulary) == [("a return 1 [31m", "b" * 400)]
