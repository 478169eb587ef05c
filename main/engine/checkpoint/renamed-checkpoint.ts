import type { Checkpoint, TensorInfo } from './checkpoint.ts';

/**
 * A checkpoint whose tensors are known by other names as well.
 * @param storedNames The name in the file by the name that is asked for.
 */
export function renamedCheckpoint(
  checkpoint: Checkpoint,
  storedNames: ReadonlyMap<string, string>,
): Checkpoint {
  const stored = (name: string): string => storedNames.get(name) ?? name;
  const info = (name: string): TensorInfo => ({ ...checkpoint.info(stored(name)), name });
  const names = new Map([...storedNames].map(([name, inFile]) => [inFile, name]));
  return {
    folder: checkpoint.folder,
    tensors: new Map(
      [...checkpoint.tensors.keys()].map((inFile) => {
        const name = names.get(inFile) ?? inFile;
        return [name, info(name)];
      }),
    ),
    others: checkpoint.others,
    totalBytes: checkpoint.totalBytes,
    info,
    read: (name) => checkpoint.read(stored(name)),
    readRows: (name, from, to) => checkpoint.readRows(stored(name), from, to),
    close: () => checkpoint.close(),
  };
}
