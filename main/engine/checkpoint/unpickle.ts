// Python's pickle (Lib/pickletools.py describes every opcode), as a machine that builds plain values and nothing else.
// A pickle is a program: where Python would import what a GLOBAL names and call it at REDUCE, this one asks its host,
// which knows a handful of names, all of them data. Nothing is ever looked up, imported or evaluated.
import { EngineError, type ErrorCode, type ErrorFacts } from '../errors.ts';
import { BytesCursor } from './bytes-cursor.ts';
import { quoted } from './safetensors-header.ts';

/** A Python tuple; lists are arrays, dicts are Maps. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
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

/** A tensor takes some twenty memo entries and, while a dict is filled, two places on the stack. */
const MAX_MEMO = 4_000_000;
const MAX_STACK = 1_000_000;

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
  private stack: unknown[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    bytes: Uint8Array,
    private readonly host: PickleHost,
    private readonly path: string,
  ) {
    this.cursor = new BytesCursor(bytes, () => this.invalid('it ends in the middle of a value'));
  }

  run(): Unpickled {
    for (;;) {
      const at = this.cursor.at;
      const opcode = this.cursor.u8();
      if (opcode === STOP) return { value: this.pop(), sizeBytes: this.cursor.at };
      const step = steps.get(opcode);
      if (step === undefined) {
        const shown = `0x${opcode.toString(16).padStart(2, '0')}`;
        throw this.invalid(
          `byte ${at} of its pickle is ${shown}, which is no instruction that builds tensors`,
        );
      }
      step(this);
    }
  }

  push(value: unknown): void {
    if (this.stack.length === MAX_STACK) throw this.tooMany('values on its stack', MAX_STACK);
    this.stack.push(value);
  }

  /** Nothing below the last mark: that belongs to a value not yet begun. */
  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0))
      throw this.invalid('its pickle takes a value that is not there');
    return this.stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  mark(): void {
    if (this.marks.length === MAX_STACK) throw this.tooMany('marks on its stack', MAX_STACK);
    this.marks.push(this.stack.length);
  }

  popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.invalid('its pickle ends a list that it did not begin');
    return this.stack.splice(mark);
  }

  take(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  remember(index: number): void {
    if (this.memo.size === MAX_MEMO && !this.memo.has(index))
      throw this.tooMany('remembered values', MAX_MEMO);
    this.memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index))
      throw this.invalid(`its pickle recalls value ${index}, which it never remembered`);
    this.push(this.memo.get(index));
  }

  text(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.invalid('a text in its pickle is not UTF-8');
    }
  }

  long(sizeBytes: number): number | bigint {
    if (sizeBytes > MAX_LONG_BYTES) {
      const message = `a whole number in its pickle has ${sizeBytes} bytes; at most ${MAX_LONG_BYTES} are allowed`;
      throw this.invalid(message, 'limit-exceeded', { longBytes: sizeBytes });
    }
    const bytes = this.cursor.slice(sizeBytes);
    const value = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return narrowed(BigInt.asIntN(Math.max(1, 8 * sizeBytes), value));
  }

  extend(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.invalid('its pickle appends to what is no list');
    for (const item of items) list.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw this.invalid('its pickle sets a key of what is no dict');
    for (const [key, value] of this.pairs(items)) dict.set(key, value);
  }

  private pairs(items: readonly unknown[]): (readonly [unknown, unknown])[] {
    if (items.length % 2 !== 0) throw this.invalid('a dict in its pickle has a key without a value');
    return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]);
  }

  stackGlobal(): void {
    const [module, name] = this.take(2);
    if (typeof module !== 'string' || typeof name !== 'string') {
      throw this.invalid('its pickle names a global by what is no text');
    }
    this.global(module, name);
  }

  global(module: string, name: string): void {
    this.push(this.host.global(module, name) ?? this.refuse(`${module}.${name}`));
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(args instanceof Tuple)) throw this.invalid('its pickle calls with what are no arguments');
    if (!(callee instanceof KnownGlobal)) throw this.invalid('its pickle calls what is no global');
    if (callee.build === undefined)
      throw this.invalid(`its pickle calls ${callee.name}, which is only a type`);
    this.push(callee.build(args.items));
  }

  /** Attributes of an ordered dict (`_metadata` of a state dict) are let go; nothing else here has any. */
  setState(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw this.invalid('its pickle gives attributes to what has none');
  }

  persistent(): void {
    this.push(this.host.persistent(this.pop()));
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

  private tooMany(what: string, most: number): EngineError {
    return this.invalid(`its pickle has more than ${most} ${what}`, 'limit-exceeded', { most });
  }
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const STOP = 0x2e;

const textOf = (machine: Unpickler, sizeBytes: number): void =>
  machine.push(machine.text(machine.cursor.slice(sizeBytes)));

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
  ['N', (m) => m.push(null)],
  ['\x88', (m) => m.push(true)],
  ['\x89', (m) => m.push(false)],
  ['J', (m) => m.push(m.cursor.i32())],
  ['K', (m) => m.push(m.cursor.u8())],
  ['M', (m) => m.push(m.cursor.u16())],
  ['\x8a', (m) => m.push(m.long(m.cursor.u8()))],
  ['\x8b', (m) => m.push(m.long(m.cursor.u32()))],
  ['G', (m) => m.push(m.cursor.f64BigEndian())],
  ['X', (m) => textOf(m, m.cursor.u32())],
  ['\x8c', (m) => textOf(m, m.cursor.u8())],
  ['\x8d', (m) => textOf(m, m.cursor.u64())],
  ['}', (m) => m.push(new Map())],
  [']', (m) => m.push([])],
  [')', (m) => m.push(new Tuple([]))],
  ['\x85', (m) => m.push(new Tuple(m.take(1)))],
  ['\x86', (m) => m.push(new Tuple(m.take(2)))],
  ['\x87', (m) => m.push(new Tuple(m.take(3)))],
  ['t', (m) => m.push(new Tuple(m.popToMark()))],
  ['l', (m) => m.push(m.popToMark())],
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

const steps: ReadonlyMap<number, Step> = new Map(
  instructions.map(([letter, step]) => [letter.charCodeAt(0), step]),
);
