import type { PickleMachine } from './pickle-machine.ts';

/** What an opcode does to the machine. */
export type Opcode = (machine: PickleMachine) => void;

/** Opcodes by their character, as the format's own documentation (pickletools) names them. */
export type OpcodeTable = Readonly<Record<string, Opcode>>;
