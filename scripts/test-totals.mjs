// Prints one line that counts the tests of vitest's JSON reports, and fails where one failed or none ran.
//
//   node scripts/test-totals.mjs FOLDER

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults one for each test file
 */

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Expected a folder: node scripts/test-totals.mjs FOLDER');

let passed = 0;
let failed = 0;
let skipped = 0;
for (const name of await readdir(folder)) {
  const report = /** @type {Report} */ (JSON.parse(await readFile(path.join(folder, name), 'utf8')));
  passed += report.numPassedTests;
  failed += report.numFailedTests + report.testResults.filter(isBrokenFile).length;
  skipped += report.numPendingTests + report.numTodoTests;
}

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
if (failed > 0 || passed === 0) process.exitCode = 1;

/**
 * Whether a test file failed as a whole: it did not load, or a hook threw. The report counts no test for that.
 *
 * @param {Report['testResults'][number]} file
 */
function isBrokenFile({ status, assertionResults }) {
  return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
}
