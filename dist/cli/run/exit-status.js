import { EXIT } from '../output.js';
/** The exit status that a closed run deserves: failed ROIs weigh more than a verdict. */
export function exitStatusOf({ status, tasks }) {
    if (status === 'failed' || status === 'cancelled')
        return EXIT.error;
    if (status === 'partial')
        return EXIT.partial;
    return Object.values(tasks).some(({ verdict }) => verdict === 'differs') ? EXIT.differs : EXIT.done;
}
