/** What a JSON text from outside may hold. */
export interface JsonLimits {
  /** Objects and arrays inside one another. */
  readonly maxDepth: number;
  /** Objects, arrays, strings, numbers and words in all. */
  readonly maxValues: number;
  readonly uniqueKeys: boolean;
}

export interface JsonProblem {
  readonly kind: 'syntax' | 'duplicate-key' | 'limit';
  /** Index in the text of the first character that is wrong. */
  readonly position: number;
  readonly reason: string;
}

const noLimits: JsonLimits = { maxDepth: Infinity, maxValues: Infinity, uniqueKeys: false };

/**
 * The first thing wrong with a JSON text, or undefined. It says what JSON.parse does not: where (Node's messages
 * often lack the position), keys that occur twice (JSON.parse keeps the last), and how much there would be to build.
 */
export function findJsonProblem(text: string, limits: JsonLimits = noLimits): JsonProblem | undefined {
  try {
    new JsonScanner(text, limits).scan();
    return undefined;
  } catch (error) {
    if (error instanceof Found) return error.problem;
    throw error;
  }
}

class Found extends Error {
  constructor(readonly problem: JsonProblem) {
    super(problem.reason);
  }
}

/** The keys so far of an open object, or an open array. */
type Container = Set<string> | 'array';

/** Without recursion, so that no depth of nesting exhausts the stack. */
class JsonScanner {
  private at = 0;
  private values = 0;
  private readonly open: Container[] = [];

  constructor(
    private readonly text: string,
    private readonly limits: JsonLimits,
  ) {}

  scan(): void {
    let expectsValue = true;
    while (expectsValue || this.open.length > 0)
      expectsValue = expectsValue ? this.value() : this.afterValue();
    this.skipSpace();
    if (this.at < this.text.length) this.unexpected('the end of the text');
  }

  /** Scans a scalar, an empty container, or a container's start; true when that container's first value follows. */
  private value(): boolean {
    this.skipSpace();
    if (++this.values > this.limits.maxValues)
      this.fail('limit', `it holds more than ${this.limits.maxValues} values`);
    const first = this.text[this.at];
    if (first === '{') return this.enter(new Set());
    if (first === '[') return this.enter('array');
    if (first === '"') this.string();
    else if (first === '-' || isDigit(first)) this.number();
    else this.word();
    return false;
  }

  private enter(container: Container): boolean {
    if (this.open.length === this.limits.maxDepth) {
      this.fail('limit', `it nests deeper than ${this.limits.maxDepth} levels`);
    }
    this.at++;
    this.skipSpace();
    if (this.text[this.at] === closing(container)) {
      this.at++;
      return false;
    }
    this.open.push(container);
    if (container !== 'array') this.key(container);
    return true;
  }

  /** Scans what follows a whole value in the innermost container; true when another value follows. */
  private afterValue(): boolean {
    const container = this.open.at(-1) ?? 'array';
    this.skipSpace();
    const found = this.text[this.at];
    if (found !== ',' && found !== closing(container)) this.unexpected(`"," or "${closing(container)}"`);
    this.at++;
    if (found !== ',') {
      this.open.pop();
      return false;
    }
    if (container !== 'array') this.key(container);
    return true;
  }

  private key(keys: Set<string>): void {
    this.skipSpace();
    const start = this.at;
    if (this.text[start] !== '"') this.unexpected('a key in double quotes');
    this.string();
    if (this.limits.uniqueKeys) this.rememberKey(keys, start);
    this.skipSpace();
    if (this.text[this.at] !== ':') this.unexpected('":"');
    this.at++;
  }

  private rememberKey(keys: Set<string>, start: number): void {
    const key = JSON.parse(this.text.slice(start, this.at)) as string; // "\u0061" and "a" are the same key
    if (keys.has(key)) {
      this.fail('duplicate-key', `the key ${JSON.stringify(key.slice(0, 80))} occurs twice`, start);
    }
    keys.add(key);
  }

  private string(): void {
    this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at); // NaN past the end
      if (code === 0x22) break;
      if (code === 0x5c) this.escape();
      else if (code >= 0x20) this.at++;
      else this.unexpected(Number.isNaN(code) ? 'the closing quote of a string' : 'an escape, such as \\n');
    }
    this.at++;
  }

  private escape(): void {
    const kind = this.text[this.at + 1] ?? '';
    if (kind === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(this.text.slice(this.at + 2, this.at + 6))) {
        this.unexpected('four hexadecimal digits after \\u');
      }
      this.at += 6;
    } else {
      if (kind === '' || !'"\\/bfnrt'.includes(kind)) this.unexpected('a valid escape after \\');
      this.at += 2;
    }
  }

  private number(): void {
    if (this.text[this.at] === '-') this.at++;
    if (this.text[this.at] === '0') this.at++;
    else this.digits();
    if (this.text[this.at] === '.') {
      this.at++;
      this.digits();
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++;
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++;
      this.digits();
    }
  }

  private digits(): void {
    if (!isDigit(this.text[this.at])) this.unexpected('a digit');
    while (isDigit(this.text[this.at])) this.at++;
  }

  private word(): void {
    const word = ['true', 'false', 'null'].find((candidate) => this.text.startsWith(candidate, this.at));
    if (word === undefined) this.unexpected('a value');
    this.at += word.length;
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private unexpected(expected: string): never {
    const found = this.text.codePointAt(this.at);
    const shown = found === undefined ? 'the end of the text' : JSON.stringify(String.fromCodePoint(found));
    this.fail('syntax', `expected ${expected}, found ${shown}`);
  }

  private fail(kind: JsonProblem['kind'], reason: string, position = this.at): never {
    throw new Found({ kind, position, reason });
  }
}

function closing(container: Container): string {
  return container === 'array' ? ']' : '}';
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}
