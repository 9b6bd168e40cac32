import { TASK_TITLES } from '../../../config/tasks.js';
import { worstOf } from '../../verdict/verdict.js';
/** What is said of one task of a verdict, and of several. */
const WORDS = {
    reproduced: ['is reproduced', 'are reproduced'],
    'within tolerance': ['is within tolerance', 'are within tolerance'],
    'not comparable': ['has nothing published to compare with', 'have nothing published to compare with'],
};
export function headlineOf({ tasks, summary }) {
    const verdict = worstOf(tasks.map((task) => task.verdict));
    const named = (wanted) => tasks.filter((task) => task.verdict === wanted).map(({ task }) => TASK_TITLES[task]);
    const failed = Object.values(summary.tasks).reduce((sum, { rois }) => sum + rois.failed, 0);
    const sentences = Object.entries(WORDS).flatMap(([each, [one, several]]) => {
        const names = named(each);
        return names.length === 0 ? [] : [`${listed(names)} ${names.length === 1 ? one : several}.`];
    });
    if (failed > 0)
        sentences.push(`${failed} ROIs failed and are in no number.`);
    return { verdict, answer: answerOf(verdict, named('differs')), sentence: sentences.join(' ') };
}
function answerOf(verdict, differing) {
    switch (verdict) {
        case 'reproduced':
            return 'Yes, it reproduces.';
        case 'within tolerance':
            return 'Yes, within tolerance.';
        case 'differs':
            return `No: ${listed(differing)} ${differing.length === 1 ? 'differs' : 'differ'}.`;
        case 'not comparable':
            return 'It cannot be said: nothing is published to compare with.';
    }
}
/** "a", "a and b", "a, b and c". */
export function listed(names) {
    return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
