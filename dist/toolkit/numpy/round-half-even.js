/** Rounds to the nearest integer and a tie to the even neighbour, as `numpy.round` and C's `rint` do. */
export function roundHalfEven(value) {
    const below = Math.floor(value);
    const fraction = value - below;
    if (fraction !== 0.5)
        return Math.round(value);
    return below % 2 === 0 ? below : below + 1;
}
