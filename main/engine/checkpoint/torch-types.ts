// Names of element types in PyTorch's files: those of storages, and torch's own for a dtype (torch/storage.py).

/** Storage types, with safetensors' names for what they hold (it has none for C128) and the bytes of an element. */
export const storageTypes: ReadonlyMap<string, readonly [dtype: string, elementBytes: number]> = new Map([
  ['FloatStorage', ['F32', 4]],
  ['HalfStorage', ['F16', 2]],
  ['BFloat16Storage', ['BF16', 2]],
  ['DoubleStorage', ['F64', 8]],
  ['ComplexFloatStorage', ['C64', 8]],
  ['ComplexDoubleStorage', ['C128', 16]],
  ['LongStorage', ['I64', 8]],
  ['IntStorage', ['I32', 4]],
  ['ShortStorage', ['I16', 2]],
  ['CharStorage', ['I8', 1]],
  ['ByteStorage', ['U8', 1]],
  ['BoolStorage', ['BOOL', 1]],
]);

/** Every dtype of torch 2.13: as a value beside weights it is a name, and nothing is made of it. */
export const dtypeNames: readonly string[] = [
  ...['float64', 'float32', 'float16', 'bfloat16', 'complex128', 'complex64', 'complex32', 'bool'],
  ...['float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz', 'float8_e8m0fnu'],
  'float4_e2m1fn_x2',
  ...[1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
  ...['qint8', 'qint32', 'quint8', 'quint4x2', 'quint2x4'],
  ...['bits1x8', 'bits2x4', 'bits4x2', 'bits8', 'bits16'],
];
