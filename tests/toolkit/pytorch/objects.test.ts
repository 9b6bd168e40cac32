import { describe, expect, it } from 'vitest';
import { isPickleObject, type PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { expectRefusal, little, read, readWithContext, text } from './helpers.ts';

const point = { kind: 'global', module: 'shapes', name: 'Point' };
const inert = {
  kind: 'reduced',
  callable: point,
  args: [1],
  kwargs: undefined,
  state: undefined,
  appended: undefined,
  entries: undefined,
};

describe('names and calls', () => {
  it.each<[string, readonly (string | Uint8Array)[], unknown]>([
    ['GLOBAL', ['cshapes\nPoint\n.'], point],
    ['STACK_GLOBAL', [text('shapes'), text('Point'), '\x93.'], point],
    ['REDUCE', ['cshapes\nPoint\nK\x01\x85R.'], inert],
    ['NEWOBJ', ['cshapes\nPoint\nK\x01\x85\x81.'], inert],
    ['INST', ['(K\x01ishapes\nPoint\n.'], inert],
    ['OBJ', ['(cshapes\nPoint\nK\x01o.'], inert],
    [
      'NEWOBJ_EX',
      ['cshapes\nPoint\nK\x01\x85}\x92.'],
      { ...inert, kwargs: { kind: 'dict', entries: new Map(), attributes: undefined } },
    ],
    ['BUILD', ['cshapes\nPoint\nK\x01\x85RK\x09b.'], { ...inert, state: 9 }],
    ['APPENDS to an object', ['cshapes\nPoint\nK\x01\x85R(K\x02K\x03e.'], { ...inert, appended: [2, 3] }],
    ['SETITEM on an object', ['cshapes\nPoint\nK\x01\x85RK\x02K\x03s.'], { ...inert, entries: new Map([[2, 3]]) }],
    ['PERSID', ['Pabc\n.'], { kind: 'persistent', id: 'abc' }],
    ['BINPERSID', ['K\x05Q.'], { kind: 'persistent', id: 5 }],
  ])('%s stays data', (_, parts, expected) => expect(read(parts)).toEqual(expected));

  it("does not evaluate a call of a call's result", () => {
    const value = read(['cshapes\nPoint\nK\x01\x85R)R.']);
    expect(value).toMatchObject({ kind: 'reduced', callable: inert, args: [] });
  });

  it('interprets a known function only as a function, a known class only by its full name', () => {
    expect(read(['c_codecs\nencode\n', text('a'), text('latin1'), '\x86\x81.'])).toMatchObject({ kind: 'reduced' });
    expect(read(['cother\nOrderedDict\n)R.'])).toMatchObject({ kind: 'reduced' });
    expect(read([text('collections'), text('sub.OrderedDict'), '\x93)R.'])).toMatchObject({ kind: 'reduced' });
  });

  it('allocates no memory for bytearray(n)', () => {
    const value = read(['c__builtin__\nbytearray\nJ', little(2 ** 31 - 1, 4), '\x85R.']);
    expect(value).toMatchObject({ kind: 'reduced', args: [2 ** 31 - 1] });
  });

  it.each([
    ['arguments that are not a tuple', 'cshapes\nPoint\nK\x01R.', 'a tuple is expected'],
    ['a call of a number', 'K\x01)R.', 'a global or reduced is expected'],
    ['a name that is not a text', 'K\x01K\x02\x93.', 'is not a text'],
    ['an object of nothing', '(o.', 'an object is made of nothing'],
    ['a state for a number', 'K\x01Nb.', 'a state is given to the number'],
  ])('refuses %s', (_, pickle, message) => expectRefusal(() => read([pickle]), 'CHECKPOINT_CORRUPT', message));

  it('does not support a list as state, or a second state', () => {
    expectRefusal(() => read([']Nb.']), 'CHECKPOINT_UNSUPPORTED', 'a state is given to a list');
    expectRefusal(() => read(['cshapes\nPoint\n)RNbNb.']), 'CHECKPOINT_UNSUPPORTED', 'twice');
  });
});

describe('imports', () => {
  it.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['__builtin__', 'exec'],
    ['builtins', 'getattr'],
    ['torch', 'hub.load'],
    ['torch', 'serialization.load'],
    ['models.common', 'torch.load'],
    ['models.common', 'torch.hub.load'],
    ['models.common', 'pd.read_pickle'],
    ['numpy', 'lib.npyio.load'],
    ['builtins', '__import__'],
    ['builtins', 'open'],
    ['sys', 'modules'],
    ['runpy', 'run_path'],
    ['importlib', 'import_module'],
    ['importlib.util', 'spec_from_loader'],
    ['socket', 'create_connection'],
    ['shutil', 'rmtree'],
    ['webbrowser', 'open'],
    ['pty', 'spawn'],
    ['ctypes', 'CDLL'],
    ['pickle', 'loads'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['torch.utils.cpp_extension', 'load'],
    ['numpy.testing._private.utils', 'runstring'],
    ['types', 'FunctionType'],
    ['operator', 'attrgetter'],
    ['torch.serialization.os', 'system'],
    ['torch.nn', 'modules.module.os.system'],
    ['models.common', 'Conv.__class__.__base__'],
    ['numpy', 'os'],
  ])('refuses %s.%s, and lists it when inspecting', (module, name) => {
    const parts = [text(module), text(name), '\x930N.'];
    expectRefusal(() => read(parts), 'CHECKPOINT_UNSAFE', `test.pkl imports ${module}.${name} at byte`);
    const { value, context } = readWithContext(parts, { inspect: true });
    expect(value).toBeNull();
    expect(context.globals).toMatchObject([{ module, name, verdict: 'dangerous' }]);
  });

  it('rejects every way to write a name', () => {
    expectRefusal(() => read(['cos\nsystem\n', text('true'), '\x85R.']), 'CHECKPOINT_UNSAFE', 'os.system at byte 0');
    expectRefusal(() => read(['(', text('true'), 'ios\nsystem\n.']), 'CHECKPOINT_UNSAFE', 'os.system');
  });

  it('lists each name once, in order, with its verdict and position', () => {
    const { context } = readWithContext(['(ccollections\nOrderedDict\nca\nB\nca\nB\nctorch\nFloatStorage\nt.']);
    expect(context.globals).toEqual([
      { module: 'collections', name: 'OrderedDict', verdict: 'known', position: 1 },
      { module: 'a', name: 'B', verdict: 'inert', position: 26 },
      { module: 'torch', name: 'FloatStorage', verdict: 'known', position: 36 },
    ]);
  });

  it('does not execute a dangerous call when inspecting', () => {
    const value = read(['cos\nsystem\n', text('true'), '\x85R.'], { inspect: true });
    expect(value).toMatchObject({ kind: 'reduced', callable: { module: 'os', name: 'system' }, args: ['true'] });
  });
});

const STORAGE = ['(', text('storage'), 'ctorch\nFloatStorage\n', text('0'), text('cpu'), 'K\x06tQ'];
const tensor = (
  offset: number,
  shape: string,
  strides: string,
  storage: readonly (string | Uint8Array)[] = STORAGE,
) => [
  'ctorch._utils\n_rebuild_tensor_v2\n(',
  ...storage,
  `K${String.fromCharCode(offset)}${shape}${strides}\x89Nt`,
  'R.',
];
const readTensor = (parts: readonly (string | Uint8Array)[]) => read(parts, { torch: true });

describe('tensors', () => {
  it('is a view of a storage', () => {
    expect(readTensor(tensor(1, 'K\x02K\x02\x86', 'K\x03K\x01\x86'))).toMatchObject({
      kind: 'tensor',
      dtype: 'float32',
      shape: [2, 2],
      strides: [3, 1],
      offset: 1,
      storage: { kind: 'storage', key: '0', dtype: 'float32', byteLength: 24, storedBytes: 24 },
    });
  });

  it('uses its own element type if the storage is untyped', () => {
    const untyped = ['(', text('storage'), 'ctorch.storage\nUntypedStorage\n', text('0'), text('cpu'), 'K\x06tQ'];
    const parts = (...rest: string[]) =>
      readTensor(['ctorch._utils\n_rebuild_tensor_v3\n(', ...untyped, 'K\x01K\x02\x85K\x01\x85\x89N', ...rest, 'tR.']);
    expect(parts('ctorch\nfloat16\n')).toMatchObject({ dtype: 'float16', shape: [2] });
    expectRefusal(() => parts('ctorch\nuint16\n'), 'CHECKPOINT_UNSUPPORTED', 'torch.uint16');
    expectRefusal(() => readTensor(tensor(0, ')', ')', untyped)), 'CHECKPOINT_UNSUPPORTED', 'no element type');
  });

  it('follows the view of a storage in an old stream', () => {
    const viewed = [...STORAGE.slice(0, -1), 'K\x06', text('v'), 'K\x02K\x03\x87tQ'];
    const value = readTensor(tensor(0, 'K\x03\x85', 'K\x01\x85', viewed));
    expect(value).toMatchObject({ storage: { byteOffset: 8, byteLength: 12, storedBytes: 24 } });
    expectRefusal(() => readTensor(tensor(1, 'K\x03\x85', 'K\x01\x85', viewed)), 'CHECKPOINT_CORRUPT', 'beyond the 3');
    const tooLarge = [...STORAGE.slice(0, -1), 'K\x06', text('v'), 'K\x04K\x03\x87tQ'];
    expectRefusal(() => readTensor(tensor(0, ')', ')', tooLarge)), 'CHECKPOINT_CORRUPT', 'larger than it');
  });

  const huge = `\x8a\x07${Buffer.from(little(2 ** 52, 8))
    .toString('latin1')
    .slice(0, 7)}`;
  it.each([
    ['a view that ends one element too late', tensor(1, 'K\x02K\x03\x86', 'K\x03K\x01\x86'), 'ends at element 6'],
    ['strides whose product no number holds', tensor(0, `${huge}${huge}\x86`, `${huge}${huge}\x86`), 'ends at element'],
    ['a negative length', tensor(0, 'J\xff\xff\xff\xff\x85', 'K\x01\x85'), 'the number -1 as length'],
    ['a negative stride', tensor(0, 'K\x01\x85', 'J\xff\xff\xff\xff\x85'), 'the number -1 as stride'],
    ['a missing stride', tensor(0, 'K\x01\x85', ')'), 'as many strides as axes'],
    ['a shape of floats', tensor(0, 'F1.5\n\x85', 'K\x01\x85'), 'as length'],
    ['a storage described twice', ['(', ...STORAGE, ...STORAGE.slice(0, -1), 'K\x07tQt.'], 'in two ways'],
    ['a storage of negative length', [...STORAGE.slice(0, -1), 'J\xff\xff\xff\xfftQ.'], 'as its length'],
  ])('refuses %s', (_, parts, message) => expectRefusal(() => readTensor(parts), 'CHECKPOINT_CORRUPT', message));

  it.each<[string, readonly (string | Uint8Array)[], string]>([
    ['a tensor of an unknown object', tensor(0, ')', ')', ['cshapes\nPoint\n)R']), 'an object of shapes.Point'],
    ['a parameter of an unknown object', ['ctorch._utils\n_rebuild_parameter\ncshapes\nPoint\n\x85R.'], 'shapes.Point'],
    ['a storage class that is not known', ['(', text('storage'), 'cshapes\nPoint\nNNNtQ.'], 'the name shapes.Point'],
    ['a persistent id of another kind', ['K\x01Q.'], 'something else than a storage'],
  ])('does not support %s', (_, parts, message) =>
    expectRefusal(() => readTensor(parts), 'CHECKPOINT_UNSUPPORTED', message),
  );

  it('does not support a tensor with the negative bit', () => {
    const parts = tensor(0, ')', ')').slice(0, -1);
    const flagged = [...parts.slice(0, -1), 'K\x00))\x89N}', text('neg'), '\x88stR.'];
    expectRefusal(() => readTensor(flagged), 'CHECKPOINT_UNSUPPORTED', 'lazily');
  });

  it('reads a module id of an old stream as the class', () => {
    const value = readTensor(['(', text('module'), 'cshapes\nPoint\n', text('a.py'), text('source'), 'tQ.']);
    expect(value).toEqual(point);
  });
});

const F8 = [
  'cnumpy\ndtype\n',
  text('f8'),
  'K\x00K\x01\x87R(K\x03',
  text('<'),
  'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb',
];
const reconstruct = 'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR';
const array = (shape: string, type: readonly (string | Uint8Array)[], content: string | Uint8Array) => [
  `${reconstruct}(K\x01${shape}`,
  ...type,
  '\x89',
  content,
  'tb.',
];

describe('numpy', () => {
  const one = 'C\x08\x00\x00\x00\x00\x00\x00\xf0\x3f';

  it('reads an array and a scalar', () => {
    const value = read(array('K\x01\x85', F8, one));
    expect(value).toEqual({ kind: 'array', code: 'f8', shape: [1], data: new Float64Array([1]) });
    expect(read(['cnumpy.core.multiarray\nscalar\n', ...F8, one, '\x86R.'])).toBe(1);
  });

  it('reads an array that Python 2 wrote, with text instead of bytes', () => {
    const value = read(array('K\x01\x85', F8, 'U\x08\x00\x00\x00\x00\x00\x00\xf0\xbf'));
    expect(value).toMatchObject({ data: new Float64Array([-1]) });
  });

  it.each<[string, readonly (string | Uint8Array)[], string]>([
    ['a shape that is not that of the bytes', array('K\x02\x85', F8, one), 'shape [2] has 1 elements'],
    ['bytes that are not elements', array('K\x01\x85', F8, 'C\x03abc'), '3 bytes are not an array of f8'],
    ['an array of no type', array('K\x01\x85', ['N'], one), 'an array is of None'],
    ['a state that is not a tuple', [`${reconstruct}Nb.`], "numpy's description is None"],
    [
      'a scalar of two elements',
      ['cnumpy.core.multiarray\nscalar\n', ...F8, `C\x10${'\x00'.repeat(16)}\x86R.`],
      'scalar',
    ],
  ])('refuses %s', (_, parts, message) => expectRefusal(() => read(parts), 'CHECKPOINT_CORRUPT', message));

  it('does not support an array of another type, but keeps a scalar of it unchanged', () => {
    const c16 = ['cnumpy\ndtype\n', text('c16'), '\x85R'];
    expectRefusal(() => read(array('K\x00\x85', c16, 'C\x00')), 'CHECKPOINT_UNSUPPORTED', 'numpy type c16');
    const scalar: PickleValue = read(['cnumpy.core.multiarray\nscalar\n', ...c16, 'C\x00\x86R.']);
    expect(isPickleObject(scalar) && scalar.kind).toBe('reduced');
  });
});
