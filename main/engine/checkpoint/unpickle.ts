// Python's pickle (Lib/pickletools.py describes every opcode), as a machine that builds plain values and nothing else.
// A pickle is a program: where Python would import what a GLOBAL names and call it at REDUCE, this one asks its host,
// which knows a handful of names, all of them data. Nothing is ever looked up, imported or evaluated.
import { EngineError, type ErrorCode, type ErrorFacts } from '../errors.ts';
import { BytesCursor } from './bytes-cursor.ts';
import { quoted } from './safetensors-header.ts';

/** What holds other values; `depth` says how deep they were inside one another when they were put in. */
abstract class Container {
  depth: number;

  constructor(readonly items: unknown[] = []) {
    this.depth = 1 + deepest(items);
  }

  add(items: readonly unknown[]): void {
    for (const item of items) this.items.push(item);
    this.depth = Math.max(this.depth, 1 + deepest(items));
  }
}

export class Tuple extends Container {}

export class List extends Container {}

/**
 * Keys and values in turn, as they were set: a key that was set twice is there twice. Python's own would be looked up
 * by their hashes, and a file could choose keys whose hashes are all alike.
 */
export class Dict extends Container {}

function deepest(items: readonly unknown[]): number {
  let depth = 0;
  for (const item of items) if (item instanceof Container && item.depth > depth) depth = item.depth;
  return depth;
}

/** What a global name stands for: a type, which is only passed on, or something that is built out of arguments. */
export class KnownGlobal {
  constructor(
    readonly name: string,
    readonly build?: (args: readonly unknown[]) => unknown,
  ) {}
}

/** Gives meaning to what a pickle cannot hold itself. */
export interface PickleHost {
  /** undefined for a name that it does not know, which is refused. */
  global(module: string, name: string): KnownGlobal | undefined;
  /** What an id stands for: a storage beside the pickle. */
  persistent(id: unknown): unknown;
}

// A parameter takes 42 instructions, which build 20 values and remember 11; 5,000 of them, more than any shard has, take
// 210,000. The limits are some fifteen times that, and are reached within a second.
const MAX_INSTRUCTIONS = 3_000_000;
const MAX_VALUES = 1_500_000;
const MAX_MEMO = 1_000_000;

/** While a dict is filled, an entry takes two places; Python fills it by a thousand. */
const MAX_STACK = 1_000_000;

/** A tensor in a dict has four containers inside one another; Python itself cannot save a thousand. */
const MAX_DEPTH = 100;

/** Storage sizes need 5 bytes, the mark of the old file format 10. */
const MAX_LONG_BYTES = 16;

/** Protocol 2 is what torch.save writes; 4 and 5 add lengths of eight bytes and frames. */
const MAX_PROTOCOL = 5;

interface Unpickled {
  readonly value: unknown;
  /** Bytes up to and including the pickle's end. */
  readonly sizeBytes: number;
}

/**
 * Runs the pickle at the start of `bytes`. Throws code-refused with the name of a global that the host does not know,
 * header-invalid or limit-exceeded, and what the host throws.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost, path: string): Unpickled {
  return new Unpickler(bytes, host, path).run();
}

type Step = (machine: Unpickler) => void;

class Unpickler {
  readonly cursor: BytesCursor;
  private readonly stack: unknown[] = [];
  private readonly marks: number[] = [];
  /** Where the last mark lies: what is below it belongs to a value not yet begun. */
  private floor = 0;
  private readonly memo: unknown[] = [];
  private remembered = 0;
  private built = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly host: PickleHost,
    private readonly path: string,
  ) {
    this.cursor = new BytesCursor(bytes, () => this.invalid('it ends in the middle of a value'));
  }

  run(): Unpickled {
    for (let instructions = 1; instructions <= MAX_INSTRUCTIONS; instructions++) {
      const at = this.cursor.at;
      const opcode = this.cursor.u8();
      if (opcode === STOP) return { value: this.pop(), sizeBytes: this.cursor.at };
      const step = steps[opcode];
      if (step === undefined) throw this.unknown(opcode, at);
      step(this);
    }
    throw this.tooMany('instructions', MAX_INSTRUCTIONS);
  }

  push(value: unknown): void {
    if (this.stack.length === MAX_STACK) throw this.tooMany('values on its stack', MAX_STACK);
    this.stack.push(value);
  }

  /** Pushes a value that is not there yet. */
  build(value: unknown): void {
    this.count(1);
    this.push(value);
  }

  buildContainer(container: Container): void {
    this.requireDepth(container);
    this.build(container);
  }

  pop(): unknown {
    if (this.stack.length <= this.floor) throw this.nothingThere();
    return this.stack.pop();
  }

  top(): unknown {
    if (this.stack.length <= this.floor) throw this.nothingThere();
    return this.stack[this.stack.length - 1];
  }

  mark(): void {
    if (this.marks.length === MAX_DEPTH) throw this.tooMany('containers inside one another', MAX_DEPTH);
    this.floor = this.stack.length;
    this.marks.push(this.floor);
  }

  popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.invalid('its pickle ends a list that it did not begin');
    this.floor = this.marks.at(-1) ?? 0;
    return this.stack.splice(mark);
  }

  take(count: number): unknown[] {
    const from = this.stack.length - count;
    if (from < this.floor) throw this.nothingThere();
    return this.stack.splice(from);
  }

  /** Python numbers what it remembers from 0 on. */
  remember(index: number): void {
    if (index >= MAX_MEMO) throw this.tooMany('remembered values', MAX_MEMO);
    if (this.memo[index] === undefined) this.remembered++;
    this.memo[index] = this.top();
  }

  rememberNext(): void {
    this.remember(this.remembered);
  }

  recall(index: number): void {
    const value = this.memo[index];
    if (value === undefined)
      throw this.invalid(`its pickle recalls value ${index}, which it never remembered`);
    this.push(value);
  }

  text(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.invalid('a text in its pickle is not UTF-8');
    }
  }

  /** Two's complement, exact up to 2^53; above it, rounded, and thereby beyond any size that a host allows. */
  long(sizeBytes: number): number {
    if (sizeBytes > MAX_LONG_BYTES) {
      const message = `a whole number in its pickle has ${sizeBytes} bytes; at most ${MAX_LONG_BYTES} are allowed`;
      throw this.invalid(message, 'limit-exceeded', { longBytes: sizeBytes });
    }
    const bytes = this.cursor.slice(sizeBytes);
    const isNegative = sizeBytes > 0 && bytes[sizeBytes - 1] >= 0x80;
    let value = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) value = value * 256 + (isNegative ? 255 - bytes[i] : bytes[i]);
    return isNegative ? -value - 1 : value;
  }

  extend(items: readonly unknown[]): void {
    const list = this.top();
    if (!(list instanceof List)) throw this.invalid('its pickle appends to what is no list');
    list.add(items);
    this.requireDepth(list);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict)) throw this.invalid('its pickle sets a key of what is no dict');
    if (items.length % 2 !== 0) throw this.invalid('a dict in its pickle has a key without a value');
    dict.add(items);
    this.requireDepth(dict);
  }

  stackGlobal(): void {
    const [module, name] = this.take(2);
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw this.invalid('its pickle names a global by what is no text');
    }
    this.global(module, name);
  }

  global(module: string, name: string): void {
    this.build(this.host.global(module, name) ?? this.refuse(`${module}.${name}`));
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(args instanceof Tuple)) throw this.invalid('its pickle calls with what are no arguments');
    if (!(callee instanceof KnownGlobal)) throw this.invalid('its pickle calls what is no global');
    if (callee.build === undefined)
      throw this.invalid(`its pickle calls ${callee.name}, which is only a type`);
    const value = callee.build(args.items);
    if (value instanceof Container) this.count(value.items.length);
    this.build(value);
  }

  /** Attributes of an ordered dict (`_metadata` of a state dict) are let go; nothing else here has any. */
  setState(): void {
    this.pop();
    if (!(this.top() instanceof Dict)) throw this.invalid('its pickle gives attributes to what has none');
  }

  persistent(): void {
    this.build(this.host.persistent(this.pop()));
  }

  protocol(version: number): void {
    if (version <= MAX_PROTOCOL) return;
    throw this.invalid(`its pickle has protocol ${version}; the latest is ${MAX_PROTOCOL}`);
  }

  refuse(name: string): never {
    throw new EngineError(
      'code-refused',
      `${this.path} asks for ${quoted(name)}, which is neither a tensor nor a plain container; nothing of it was run`,
      { path: this.path, global: name.slice(0, 200) },
      'A file of weights needs nothing of the kind: it may be an attack, or a whole program state. Get the model as safetensors.',
    );
  }

  invalid(message: string, code: ErrorCode = 'header-invalid', facts: ErrorFacts = {}): EngineError {
    return new EngineError(
      code,
      `${this.path}: ${message}`,
      { path: this.path, ...facts },
      'The file is damaged, or is no model that torch.save wrote. Download or export it again.',
    );
  }

  private unknown(opcode: number, at: number): EngineError {
    const shown = `byte ${at} of its pickle is 0x${opcode.toString(16).padStart(2, '0')}`;
    if (this.bytes[0] === PROTO) return this.invalid(`${shown}, which is no instruction that builds tensors`);
    return new EngineError(
      'feature-unsupported',
      `${this.path}: its pickle has protocol 0 or 1, which is not read: ${shown}, and it names no protocol at its start`,
      { path: this.path },
      'Load it with torch.load and save it again with torch.save, or save the model as safetensors.',
    );
  }

  private count(values: number): void {
    this.built += values;
    if (this.built > MAX_VALUES) throw this.tooMany('values', MAX_VALUES);
  }

  private requireDepth({ depth }: Container): void {
    if (depth > MAX_DEPTH) throw this.tooMany('containers inside one another', MAX_DEPTH);
  }

  private nothingThere(): EngineError {
    return this.invalid('its pickle takes a value that is not there');
  }

  private tooMany(what: string, most: number): EngineError {
    return this.invalid(`its pickle has more than ${most} ${what}`, 'limit-exceeded', { most });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const PROTO = 0x80;
const STOP = 0x2e;

const textOf = (machine: Unpickler, sizeBytes: number): void =>
  machine.build(machine.text(machine.cursor.slice(sizeBytes)));

const line = (machine: Unpickler): string => machine.text(machine.cursor.line());

/**
 * Every instruction that is followed, by its letter: those that torch.save has written in any protocol from 2 on. Text
 * forms of protocol 0, sets, bytes, extension registries, instances and out-of-band buffers are not among them.
 */
const instructions: readonly (readonly [letter: string, step: Step])[] = [
  ['\x80', (m) => m.protocol(m.cursor.u8())],
  ['\x95', (m) => void m.cursor.u64()], // FRAME: a hint for reading ahead
  ['(', (m) => m.mark()],
  ['0', (m) => void m.pop()],
  ['1', (m) => void m.popToMark()],
  ['2', (m) => m.push(m.top())],
  ['N', (m) => m.build(null)],
  ['\x88', (m) => m.build(true)],
  ['\x89', (m) => m.build(false)],
  ['J', (m) => m.build(m.cursor.i32())],
  ['K', (m) => m.build(m.cursor.u8())],
  ['M', (m) => m.build(m.cursor.u16())],
  ['\x8a', (m) => m.build(m.long(m.cursor.u8()))],
  ['\x8b', (m) => m.build(m.long(m.cursor.u32()))],
  ['G', (m) => m.build(m.cursor.f64BigEndian())],
  ['X', (m) => textOf(m, m.cursor.u32())],
  ['\x8c', (m) => textOf(m, m.cursor.u8())],
  ['\x8d', (m) => textOf(m, m.cursor.u64())],
  ['}', (m) => m.build(new Dict())],
  [']', (m) => m.build(new List())],
  [')', (m) => m.build(new Tuple())],
  ['\x85', (m) => m.buildContainer(new Tuple(m.take(1)))],
  ['\x86', (m) => m.buildContainer(new Tuple(m.take(2)))],
  ['\x87', (m) => m.buildContainer(new Tuple(m.take(3)))],
  ['t', (m) => m.buildContainer(new Tuple(m.popToMark()))],
  ['l', (m) => m.buildContainer(new List(m.popToMark()))],
  ['a', (m) => m.extend(m.take(1))],
  ['e', (m) => m.extend(m.popToMark())],
  ['s', (m) => m.setItems(m.take(2))],
  ['u', (m) => m.setItems(m.popToMark())],
  ['q', (m) => m.remember(m.cursor.u8())],
  ['r', (m) => m.remember(m.cursor.u32())],
  ['\x94', (m) => m.rememberNext()],
  ['h', (m) => m.recall(m.cursor.u8())],
  ['j', (m) => m.recall(m.cursor.u32())],
  ['c', (m) => m.global(line(m), line(m))],
  ['\x93', (m) => m.stackGlobal()],
  ['i', (m) => m.refuse(`${line(m)}.${line(m)}`)],
  ['R', (m) => m.reduce()],
  ['b', (m) => m.setState()],
  ['Q', (m) => m.persistent()],
];

const steps: readonly (Step | undefined)[] = Array.from(
  { length: 256 },
  (_, opcode) => instructions.find(([letter]) => letter.charCodeAt(0) === opcode)?.[1],
);
