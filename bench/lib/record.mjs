// What was measured so far, kept beside the page that is made from it, so that cases can be run one at a time, on any clone.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH } from './install.mjs';
import { resultsPage } from './report.mjs';

const FILE = join(BENCH, 'results.json');

/** @typedef {{ cases: Record<string, import('./report.mjs').Recorded>, matrix?: { date: string, table: string } }} Record_ */

/** @returns {Record_} */
function readRecord() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { cases: {} };
}

/** @param {Record_} record */
function writeRecord(record) {
  writeFileSync(FILE, `${JSON.stringify(record, null, 1)}\n`);
  const training = readFileSync(join(BENCH, 'training', 'RESULTS.md'), 'utf8').replace(/^# .*/, '## Training');
  writeFileSync(join(BENCH, 'RESULTS.md'), `${resultsPage(record.cases, record.matrix)}\n${training}`);
}

/** @param {string} name @param {import('./report.mjs').Recorded} recorded */
export function writeCase(name, recorded) {
  const record = readRecord();
  writeRecord({ ...record, cases: { ...record.cases, [name]: recorded } });
}

/** @param {string} table */
export function writeMatrix(table) {
  writeRecord({ ...readRecord(), matrix: { date: new Date().toISOString().slice(0, 10), table } });
}
