import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A line of a profile that a session left (`profilePrefix`), as far as it tells where an operator ran. */
interface ProfileEvent {
  readonly cat: string;
  readonly args?: {
    readonly provider?: string;
    readonly op_name?: string;
    /** An output each, as { float: [2, 3] }. */
    readonly output_type_shape?: readonly Readonly<Record<string, unknown>>[];
  };
}

/** Names of operators, sorted, by where they ran. */
export interface OperatorPlacement {
  readonly card: readonly string[];
  /** Those that gave numbers: arithmetic on shapes belongs to the processor. */
  readonly processor: readonly string[];
}

/** Where the operators ran of the sessions whose profiles lie in `folder` under names that begin with `prefix`. */
export async function operatorsIn(folder: string, prefix: string): Promise<OperatorPlacement> {
  const [card, processor] = [new Set<string>(), new Set<string>()];
  for (const file of (await readdir(folder)).filter((name) => name.startsWith(prefix))) {
    for (const { cat, args } of JSON.parse(await readFile(join(folder, file), 'utf8')) as ProfileEvent[]) {
      if (cat !== 'Node' || args?.provider === undefined || args.op_name === undefined) continue;
      if (args.provider === 'WebGpuExecutionProvider') card.add(args.op_name);
      else if (givesNumbers(args.output_type_shape)) processor.add(args.op_name);
    }
  }
  return { card: [...card].sort(), processor: [...processor].sort() };
}

const givesNumbers = (outputs: readonly Readonly<Record<string, unknown>>[] = []): boolean =>
  outputs.some((output) => Object.keys(output).some((type) => /float/.test(type)));
