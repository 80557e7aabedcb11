# A hypothesis to compare: "it pushes towards the side to which the pole falls".
def strategy(state):
    return obs(pole_angle) + obs(pole_velocity) > 0
