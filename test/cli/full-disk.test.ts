import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../engine/checkpoint/temporary-folder.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { hashesBelow } from '../fixtures/folder-hashes.ts';
import { goldenForward, goldenModelFolder } from '../fixtures/golden-files.ts';
import { writeRows } from '../fixtures/random-model.ts';
import { setting } from './bad-input/bad-input.ts';

/** A shell that sees a disk of its own in memory, which is gone with it. */
const shell = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'];

/** Fills the disk, looks at what is left, makes room and runs again. */
const script = `
mount -t tmpfs -o size=$SIZE tmpfs "$DISK"
"$NODE" dist/cli.js "$@" > "$OUT/full.json" 2> "$OUT/full.txt"; echo $? > "$OUT/full.code"
cp -r "$DISK" "$OUT/left"
mount -o remount,size=256m "$DISK"
"$NODE" dist/cli.js "$@" > "$OUT/room.json" 2> "$OUT/room.txt"; echo $? > "$OUT/room.code"
cp -r "$DISK" "$OUT/done"
`;

let canMount: boolean;
beforeAll(() => {
  canMount = spawnSync(shell[0], [...shell.slice(1), 'mount -t tmpfs tmpfs /tmp']).status === 0;
});

// A page of 4 KiB a file: the recipe has no room, then the scores, then what a pass keeps; at last the model itself,
// for which 64 MiB more must be free than its weights take.
it.for<[string, string, RegExp]>([
  ['4k', 'recipe.yaml', /recipe\.yaml could not be written: the disk is full$/],
  ['24k', 'scores', /could not be written: the disk is full$/],
  ['128k', 'scratch.bin', /scratch\.bin could not be written: the disk is full$/],
  ['40m', 'model', /^The pruned model needs \d+ bytes in .*run, but only \d+ are free\.$/],
])(
  'a disk of %s is full at %s: one sentence, and with room the same command ends as on a large disk',
  async ([size, , sentence], context) => {
    if (!canMount) context.skip('no disk of its own can be mounted here');
    const folder = temporaryFolder();
    const [disk, out] = ['disk', 'out'].map((name) => path.join(folder, name));
    [disk, out].forEach((name) => mkdirSync(name));
    const source = await writeRows(path.join(folder, 'rows.jsonl'), goldenForward('gqa').inputIds);
    // Half a megabyte keeps activations on the disk.
    const values = { model: goldenModelFolder('gqa'), 'calibration.source': source, memory: '64KiB' };
    const args = (run: string): string[] => ['run', ...setting(values), '--out', run, '--json'];
    const env = { ...process.env, SIZE: size, DISK: disk, OUT: out, NODE: process.execPath };
    const run = path.join(disk, 'run');
    const { status, stderr } = spawnSync(shell[0], [...shell.slice(1), script, 'sh', ...args(run)], { env });
    expect(status, String(stderr)).toBe(0);
    const read = (name: string): string => readFileSync(path.join(out, name), 'utf8');
    expect(read('full.code')).toBe('1\n');
    const { error } = JSON.parse(read('full.json')) as {
      error: { code: string; message: string; hint: string };
    };
    expect(error.code).toBe('disk-full');
    expect(error.message).toMatch(sentence);
    expect(read('full.txt').endsWith(`error: ${error.message}\nhint: ${error.hint}\n`)).toBe(true);
    const left = readdirSync(path.join(out, 'left/run'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => /partial|scratch|^model/.test(name))).toEqual([]);
    expect(read('room.code'), read('room.txt')).toBe('0\n');
    const large = path.join(folder, 'large');
    documentOf(await command(...args(large)));
    const own = ['events.jsonl', 'log.txt'];
    expect(hashesBelow(path.join(out, 'done/run'), own)).toEqual(hashesBelow(large, own));
  },
);
