"""The chance that a compounding account of even-sized bets never falls by more than a bound, exactly."""


def survival(trades: int, win_rate: float, gain: float, loss: float, risk: float, bound: float) -> float:
    """Walk all counts of wins and losses since the last highest equity, with their probabilities."""
    up, down = 1 + risk * gain, 1 - risk * loss
    below_peak = {(0, 0): 1.0}
    for _ in range(trades):
        following: dict[tuple[int, int], float] = {}
        for (won, lost), chance in below_peak.items():
            for state, part in (((won + 1, lost), win_rate), ((won, lost + 1), 1 - win_rate)):
                share = up ** state[0] * down ** state[1]
                if 1 - share > bound:
                    continue
                state = (0, 0) if share >= 1 else state
                following[state] = following.get(state, 0.0) + chance * part
        below_peak = following
    return sum(below_peak.values())
