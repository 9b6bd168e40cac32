import { HE_LABELS } from '../dataset/he-labels.js';
/** Steps around the colour circle such that classes next to each other differ most. */
const GOLDEN_ANGLE = 137.508;
/**
 * Names and colours of the classes of a segmentation model: those given; else the paper's, for a model with as many
 * classes as the paper's has labels; else numbers.
 *
 * @param count - Values that a mask may hold, from 0 on.
 */
export function tissueClasses(count, given) {
    const known = given ?? (count === HE_LABELS.length ? HE_LABELS : []);
    const classes = new Map();
    for (let value = 0; value < count; value++) {
        const label = known.find((each) => each.value === value);
        const usual = HE_LABELS.find(({ name }) => name === label?.name)?.colour;
        classes.set(value, {
            name: label?.name ?? `class ${value}`,
            color: label?.colour ?? usual ?? distinctColour(value),
        });
    }
    return classes;
}
/** A strong colour for a number: the same each time, far from its neighbours'. */
export function distinctColour(index) {
    const hue = ((index * GOLDEN_ANGLE) % 360) / 60;
    const channel = (shift) => {
        const distance = Math.abs(((hue + shift) % 6) - 3) - 1;
        return Math.round(255 * Math.min(1, Math.max(0, distance)));
    };
    return [channel(0), channel(4), channel(2)];
}
