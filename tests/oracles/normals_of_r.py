"""R's `set.seed(s); rnorm(n)`: its Mersenne Twister, its scrambling of the seed, and inversion, so that matrices of R
packages' own tests can be made here rather than carried about."""

import numpy as np
from scipy.special import ndtri

_BIG = 134217728  # 2²⁷


def rnorm(seed: int, count: int) -> np.ndarray:
    words = []
    word = seed
    for _ in range(50 + 625):
        word = (69069 * word + 1) % 2**32
        words.append(word)
    generator = np.random.RandomState()
    generator.set_state(("MT19937", np.array(words[51:], dtype=np.uint32), 624))
    uniform = generator.randint(0, 2**32, size=2 * count, dtype=np.uint32) * 2.3283064365386963e-10
    return ndtri((np.floor(_BIG * uniform[::2]) + uniform[1::2]) / _BIG)
