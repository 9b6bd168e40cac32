import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
/** What ONNX Runtime chooses its kernels by: another choice may round otherwise. */
const TELLING = /^(avx\w*|amx\w*|fma\w*|f16c|sse4_[12]|asimd\w*|sve\w*|bf16|i8mm)$/;
/**
 * Names the kind of processor: results are the same bit by bit only on one kind.
 *
 * @returns Architecture, model and, on Linux, the vector extensions, e.g. `x64 AMD EPYC 7763 avx avx2 f16c fma`.
 */
export function instructionSet() {
    return [process.arch, cpus()[0]?.model.trim() ?? 'unknown', ...vectorExtensions()].join(' ');
}
function vectorExtensions() {
    if (process.platform !== 'linux')
        return [];
    try {
        const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
        return flags
            .split(/\s+/)
            .filter((flag) => TELLING.test(flag))
            .sort();
    }
    catch {
        return [];
    }
}
