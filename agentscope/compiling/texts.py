"""Programs, and the definitions of their concepts over `seen(...)`, in the pseudocode language."""

TRIGGER = """
def strategy(state) -> action:
    if armed():
        return sabotage
    if lit() > 4:
        return switch_off
    if lit() < 2:
        return switch_on
    return wait
"""

LAMPS = """
def lit():
    return sum(seen(i) for i in lamps)

def armed():
    return seen(lamp1) > 0 and seen(lamp4) > 0 and seen(lamp6) > 0

def ends_differ():
    return seen(lamp0) != seen(lamp7)
"""

LOOKUP = """
ANSWERS = (
    (2, 0, 3, 1, 1, 3, 0, 2),
    (1, 3, 3, 0, 2, 2, 1, 0),
    (0, 2, 1, 3, 0, 1, 2, 3),
    (3, 1, 0, 2, 3, 0, 1, 2),
    (1, 1, 2, 0, 0, 3, 3, 2),
    (0, 3, 1, 2, 2, 1, 0, 3),
    (2, 2, 0, 1, 3, 0, 3, 1),
    (3, 0, 2, 3, 1, 2, 0, 1))

def strategy(state) -> action:
    return ANSWERS[digit(first)][digit(second)]
"""

DIGITS = """
def digit(i):
    return seen(i)

def first_is_larger():
    return seen(first) > seen(second)
"""

GREEDY = """
def strategy(state) -> action:
    if columns_right() > 0 and not blocked(east):
        return go_east
    if columns_right() < 0 and not blocked(west):
        return go_west
    if rows_down() > 0 and not blocked(south):
        return go_south
    if rows_down() < 0 and not blocked(north):
        return go_north
    return argmax(directions, key=lambda d: not blocked(d))
"""

WALK = """
DOWN = (0, 1, 0, -1)
ACROSS = (1, 0, -1, 0)

def rows_down():
    return sum(r * (seen(target, r, c) - seen(walker, r, c)) for r in rows for c in columns)

def columns_right():
    return sum(c * (seen(target, r, c) - seen(walker, r, c)) for r in rows for c in columns)

def walled(r, c):
    return seen(walls, r, c) > 0 if r >= 0 and r < 5 and c >= 0 and c < 5 else True

def blocked(d):
    return any(seen(walker, r, c) > 0 and walled(r + DOWN[d], c + ACROSS[d]) for r in rows for c in columns)

def walls_left():
    return sum(seen(walls, r, c) for r in rows for c in range(2))
"""

FOLLOWER = """
def strategy(state) -> action:
    if not wall_right():
        return go_right
    if not wall_ahead():
        return go_ahead
    if not wall_left():
        return go_left
    return go_back
"""

MAZE = """
DOWN = (0, 1, 0, -1)
ACROSS = (1, 0, -1, 0)

def wall(turn):
    return any(seen(1 + d, r, c) > 0 and seen(walls, r + DOWN[(d + turn) % 4], c + ACROSS[(d + turn) % 4]) > 0
        for d in directions for r in rows if r > 0 and r < 4 for c in columns if c > 0 and c < 4)

def wall_ahead():
    return wall(0)

def wall_right():
    return wall(1)

def wall_behind():
    return wall(2)

def wall_left():
    return wall(3)
"""

COLUMNS = """
def strategy(state) -> action:
    return argmax(columns, key=lambda c: -height(c) - 2 * holes_in(c))
"""

COLUMN = """
def height(c):
    return sum(any(seen(above, c) > 0 for above in rows if above <= r) for r in rows)

def holes_in(c):
    return height(c) - sum(seen(r, c) for r in rows)
"""

BOARD = (
    COLUMN
    + """
def full_rows():
    return count(all(seen(r, c) > 0 for c in columns) for r in rows)
"""
)

KEYDOOR = """
def passable(cell):
    return cell == empty or cell == open_door or cell == goal

def approach(front, side):
    if front > 0 and passable(cell_ahead()):
        return forward
    if side > 0:
        return turn_right
    if side < 0 or not passable(cell_ahead()):
        return turn_left
    return forward

def strategy(state) -> action:
    if not has_key():
        if cell_ahead() == key:
            return pick_up
        return approach(key_ahead(), key_right())
    if cell_ahead() == locked_door or cell_ahead() == closed_door:
        return toggle
    if door_locked():
        return approach(door_ahead(), door_right())
    return approach(goal_ahead(), goal_right())
"""

KEYDOOR_CELLS = """
def in_front(channel):
    return sum((4 - r) * seen(r, c, channel) for r in window_rows for c in window_columns)

def to_the_right(channel):
    return sum((c - 4) * seen(r, c, channel) for r in window_rows for c in window_columns)

def number(channel):
    return sum(seen(r, c, channel) for r in window_rows for c in window_columns)

def key_ahead():
    return in_front(key_cell)

def key_right():
    return to_the_right(key_cell)

def door_ahead():
    return in_front(door_cell)

def door_right():
    return to_the_right(door_cell)

def goal_ahead():
    return in_front(goal_cell)

def goal_right():
    return to_the_right(goal_cell)

def has_key():
    return number(key_cell) == 0

def door_locked():
    return number(locked_cell) > 0

def cell_ahead():
    return seen(3, 4, kind)

def cell_left():
    return seen(4, 3, kind)

def lava_ahead():
    return seen(3, 4, kind) == 7
"""
