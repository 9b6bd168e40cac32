import { parseInteger } from './text-literals.js';
const HIGHEST_PROTOCOL = 5;
/** The stack, the memo and the frames. */
export const MACHINE_OPCODES = {
    // PROTO, FRAME
    '\x80': (machine) => {
        const protocol = machine.reader.uint8();
        if (protocol > HIGHEST_PROTOCOL)
            throw machine.context.unsupported(`it is of pickle protocol ${protocol}`);
    },
    // The frame's length is only a hint for reading ahead; that it lies within the file is checked with it.
    '\x95': (machine) => void machine.reader.length64(),
    // MARK, POP, POP_MARK, DUP
    '(': (machine) => machine.mark(),
    '0': (machine) => machine.drop(),
    '1': (machine) => void machine.popToMark(),
    '2': (machine) => machine.push(machine.top()),
    // PUT, BINPUT, LONG_BINPUT, MEMOIZE
    p: (machine) => machine.memoize(memoIndex(machine)),
    q: (machine) => machine.memoize(machine.reader.uint8()),
    r: (machine) => machine.memoize(machine.reader.uint32()),
    '\x94': (machine) => machine.memoize(),
    // GET, BINGET, LONG_BINGET
    g: (machine) => machine.push(machine.remembered(memoIndex(machine))),
    h: (machine) => machine.push(machine.remembered(machine.reader.uint8())),
    j: (machine) => machine.push(machine.remembered(machine.reader.uint32())),
};
function memoIndex(machine) {
    const index = parseInteger(machine.reader.line(), machine.context);
    if (typeof index !== 'number' || index < 0)
        throw machine.context.corrupt('a place of the memo is no natural number');
    return index;
}
