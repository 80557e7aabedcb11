# A hypothesis to compare: "it pushes towards the side to which the pole falls".
def strategy(state):
    return obs(angle) + obs(spin) > 0
