# Dellacherie's controller (Fahey 2003) as a hypothesis about a Tetris agent.
def score(a):
    return (
        eroded_cells(a)
        - landing_height(a)
        - after(a, row_transitions)
        - after(a, column_transitions)
        - 4 * after(a, holes)
        - after(a, wells)
    )


def strategy(state):
    return argmax(actions, key=lambda a: score(a))
