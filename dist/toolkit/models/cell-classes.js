import { CELL_CLASSES } from '../dataset/readers.js';
import { distinctColour } from './tissue-classes.js';
/** Blue, red, yellow: as the authors' figures have them. */
const USUAL_COLOURS = [
    [0, 0, 255],
    [255, 0, 0],
    [255, 255, 0],
];
/** A detector without names of its own numbers its classes. */
const NUMBERED = /^(class)?\d+$/;
/** Names and colours of a detector's classes: its own names, or the task's for one that only numbers as many. */
export function cellClasses(task, names) {
    const ofTask = CELL_CLASSES[task];
    const isUnnamed = names.length === ofTask.length && names.every((name) => NUMBERED.test(name));
    return names.map((name, index) => ({
        name: isUnnamed ? (ofTask[index] ?? name) : name,
        color: USUAL_COLOURS[index] ?? distinctColour(index),
    }));
}
