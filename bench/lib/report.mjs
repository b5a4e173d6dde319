// Turns measured results into Markdown. Every figure comes from a recorded run; what was not run is not there.

import { cpus, release, totalmem } from 'node:os';
import { cases, growths } from './cases.mjs';
import { median } from './measure.mjs';

/** @typedef {import('./subjects.mjs').Result} Result */
/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {{ date: string, machine: string, load: number, rounds: number, results: Result[] }} Recorded */

export function machine() {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
}

/** @param {number} ms */
const shown = (ms) => (ms < 100 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en-US'));
/** @param {Result[]} results @param {string} label */
const timesOf = (results, label) => results.find((result) => result.label === label)?.times ?? [];

/** The median over the rounds of a's time by b's in the same round. @param {number[]} a @param {number[]} b */
function pairedRatio(a, b) {
  const rounds = Math.min(a.length, b.length);
  return rounds === 0 ? undefined : median(Array.from({ length: rounds }, (_, i) => a[i] / b[i]));
}

/** @param {Case} row @param {Result} result @param {Result[]} all @returns {string} how dagrun stands to this row's target */
function verdict(row, result, all) {
  if (result.times.length === 0) return '';
  const { ms, msPerStage, ratio, mib } = row.target;
  const time = median(result.times);
  const checks = [];
  if (ms !== undefined) checks.push({ met: time <= ms, text: `≤ ${ms} ms` });
  if (msPerStage !== undefined) {
    const each = time / row.shape().stages.length;
    checks.push({ met: each <= msPerStage, text: `${each.toFixed(2)} ms a stage, ≤ ${msPerStage}` });
  }
  if (mib !== undefined && result.mib !== undefined) checks.push({ met: result.mib <= mib, text: `≤ ${mib} MiB` });
  if (ratio !== undefined) checks.push(ratioCheck(ratio, result.times, timesOf(all, ratio.floor)));
  return checks
    .map(({ met, text }) => `${met === undefined ? 'not checked' : met ? 'met' : '**missed**'} (${text})`)
    .join(', ');
}

/** @param {{ floor: string, atMost?: number, atLeast?: number }} target @param {number[]} times @param {number[]} floor @returns {{ met: boolean | undefined, text: string }} */
function ratioCheck({ floor, atMost, atLeast }, times, floorTimes) {
  const inTime = pairedRatio(times, floorTimes);
  if (inTime === undefined) return { met: undefined, text: `${floor} did not run` };
  if (atMost !== undefined) return { met: inTime <= atMost, text: `${inTime.toFixed(2)} × ${floor}, ≤ ${atMost}` };
  return {
    met: 1 / inTime >= (atLeast ?? 0),
    text: `${(1 / inTime).toFixed(2)} × the speed of ${floor}, ≥ ${atLeast}`,
  };
}

/** @param {Case} row @param {Recorded} recorded */
export function caseSection(row, { date, machine: where, load, rounds, results }) {
  const base = results.find((result) => result.label.startsWith('dagrun') && result.times.length > 0);
  const lines = results.map((result) => {
    const name = result.version === undefined ? result.label : `${result.label} (${result.version})`;
    if (result.times.length === 0) return `| ${name} | ${result.fault ?? 'not measured'} | | | | |`;
    const ratio = base === undefined || base === result ? undefined : pairedRatio(result.times, base.times);
    const fewer = result.times.length < rounds ? ` (${result.times.length} rounds)` : '';
    const range = `${shown(Math.min(...result.times))}–${shown(Math.max(...result.times))}${fewer}`;
    const target = result.label.startsWith('dagrun') ? verdict(row, result, results) : '';
    return `| ${name} | ${shown(median(result.times))} | ${range} | ${ratio === undefined ? '' : ratio.toFixed(2)} | ${result.mib?.toFixed(0) ?? ''} | ${target} |`;
  });
  const head = `| | median ms | min–max | × ${base?.label ?? 'dagrun'} | peak MiB | target |\n| --- | --- | --- | --- | --- | --- |`;
  return `## ${row.title}\n${date}, ${rounds} rounds, load ${load.toFixed(1)} at the start; ${where}\n\n${head}\n${lines.join('\n')}\n`;
}

/** @param {Record<string, Recorded>} recorded by case name */
function growthSection(recorded) {
  const lines = growths.flatMap(({ small, large, factor }) => {
    const [a, b] = [recorded[small]?.results, recorded[large]?.results];
    if (a === undefined || b === undefined) return [];
    return ['dagrun status', 'dagrun repro'].flatMap((label) => {
      const above = (/** @type {Result[]} */ results) => {
        const [times, floor] = [timesOf(results, label), timesOf(results, 'node -e 0')];
        return times.length === 0 || floor.length === 0 ? undefined : median(times) - median(floor);
      };
      const [low, high] = [above(a), above(b)];
      if (low === undefined || high === undefined) return [];
      const growth = high / low;
      return [
        `| ${small} → ${large} | ${label} | ${growth.toFixed(1)} | ${growth <= factor * 1.3 ? 'linear' : '**more than linear**'} |`,
      ];
    });
  });
  if (lines.length === 0) return '';
  return `## Growth\nTime above \`node -e 0\` for ten times the size; linear: at most 13.\n\n| | | factor | |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

/** @param {Record<string, Recorded>} recorded by case name @param {{ date: string, table: string } | undefined} matrix */
export function resultsPage(recorded, matrix) {
  const sections = cases.flatMap((row) =>
    recorded[row.name] === undefined ? [] : [caseSection(row, recorded[row.name])],
  );
  const missing = cases.filter((row) => recorded[row.name] === undefined).map((row) => `- ${row.title}`);
  const open = missing.length === 0 ? '' : `## Not measured yet\n${missing.join('\n')}\n`;
  const changes =
    matrix === undefined
      ? ''
      : `## Change matrix\n${matrix.date}; what each tool was seen to do (node bench/change-matrix.mjs --write).\n\n${matrix.table}`;
  return [
    '# Results',
    'Written by `node bench/run.mjs --write`; method in [README.md](README.md). Absolute figures belong to the machine named; the ratios are what counts.\n',
    ...sections,
    growthSection(recorded),
    changes,
    open,
  ]
    .filter((part) => part !== '')
    .join('\n');
}
