// What Electron needs from a Linux system: shared libraries, and a virtual display where there is no screen; and the
// loader of Vulkan drivers, which WebGPU looks for outside Electron's folder. On Debian
// as root what is missing is installed; elsewhere the error names it.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The Debian packages, each under the names it had: Debian 13 renamed libraries whose time_t grew to 64 bits.
 *
 * @type {readonly (readonly string[])[]}
 */
const libraryPackages = [
  ['libgtk-3-0t64', 'libgtk-3-0'],
  ['libasound2t64', 'libasound2'],
  ['libnss3'],
  ['libgbm1'],
  ['libxss1'],
  ['libxtst6'],
  ['libvulkan1'],
];
const displayPackages = [['xvfb'], ['xauth']];

/** Another package manager may be at work; a machine's first boot takes its time. */
const lockTimeoutSeconds = 300;

/**
 * Makes sure that the executable finds its shared libraries, and `xvfb-run` where a virtual display is asked for.
 *
 * @param {string} executable
 * @param {{ virtualDisplay: boolean }} options
 */
export function ensureSystemPackages(executable, { virtualDisplay }) {
  if (process.platform !== 'linux') return;
  const missing = missingParts(executable, virtualDisplay);
  if (missing.length === 0) return;
  if (isDebian() && process.getuid?.() === 0) installDebianPackages(virtualDisplay);
  const stillMissing = missingParts(executable, virtualDisplay);
  if (stillMissing.length === 0) return;
  throw new Error(
    `Electron cannot start here: ${stillMissing.join(', ')} not found. ` +
      `On Debian 12 and 13 these packages have them: ${everyPackage(virtualDisplay)
        .map((names) => names.join(' or '))
        .join(', ')}.`,
  );
}

/**
 * @param {string} executable
 * @param {boolean} virtualDisplay
 */
function missingParts(executable, virtualDisplay) {
  const { stdout } = spawnSync('ldd', [executable], {
    encoding: 'utf8',
    // Libraries that Electron brings lie beside it.
    env: { ...process.env, LD_LIBRARY_PATH: path.dirname(executable) },
  });
  const libraries = (stdout ?? '')
    .split('\n')
    .filter((line) => line.includes('not found'))
    .map((line) => line.trim().split(' ')[0]);
  if (!isLoadable('libvulkan.so.1')) libraries.push('libvulkan.so.1');
  const programs = virtualDisplay ? ['xvfb-run', 'Xvfb', 'xauth'].filter((name) => !isOnPath(name)) : [];
  return [...libraries, ...programs];
}

/**
 * Whether the system's loader knows a library that nothing links against; a system without the list is believed.
 *
 * @param {string} library
 */
function isLoadable(library) {
  const { stdout, status } = spawnSync('ldconfig', ['-p'], { encoding: 'utf8', env: systemPath() });
  return status !== 0 || stdout.includes(`${library} `);
}

/** ldconfig lies where only root looks. */
function systemPath() {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
}

/** @param {string} program */
function isOnPath(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isDebian() {
  return existsSync('/etc/debian_version');
}

/** @param {boolean} virtualDisplay */
function everyPackage(virtualDisplay) {
  return virtualDisplay ? [...libraryPackages, ...displayPackages] : libraryPackages;
}

/** @param {boolean} virtualDisplay */
function installDebianPackages(virtualDisplay) {
  apt('update');
  const names = everyPackage(virtualDisplay).map(
    (candidates) => candidates.find(isKnownToApt) ?? candidates[candidates.length - 1],
  );
  apt('install', '--yes', '--no-install-recommends', ...names);
}

/** @param {string} name */
function isKnownToApt(name) {
  const { stdout } = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
  return /Candidate: (?!\(none\))/.test(stdout ?? '');
}

/** @param {string[]} args */
function apt(...args) {
  spawnSync('apt-get', ['-o', `DPkg::Lock::Timeout=${lockTimeoutSeconds}`, '--quiet', ...args], {
    // stdout belongs to whoever asks for the runtime's path.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
