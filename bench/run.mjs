// Measures dagrun against its peers on the same synthetic pipelines: see README.md.
//   node bench/run.mjs [--only NAME,…] [--peers a,b] [--runs N] [--write] [--no-install] [--keep] [--list]

import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { cases } from './lib/cases.mjs';
import { WORK, installMissing } from './lib/install.mjs';
import { writeCase } from './lib/record.mjs';
import { caseSection, machine } from './lib/report.mjs';
import { runCase } from './lib/subjects.mjs';
import { allTools, stopOnInterrupt } from './lib/tools.mjs';

const DEFAULT_ROUNDS = 9;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    peers: { type: 'string' },
    runs: { type: 'string' },
    write: { type: 'boolean' },
    'no-install': { type: 'boolean' },
    keep: { type: 'boolean' },
    list: { type: 'boolean' },
  },
});

/** @param {string} message @returns {never} */
function usage(message) {
  console.error(message);
  process.exit(2);
}

/** @param {string | undefined} text @param {string[]} known @param {string} what */
function chosen(text, known, what) {
  const names = text === undefined ? known : text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !known.includes(name));
  return unknown === undefined ? names : usage(`unknown ${what} "${unknown}"; one of: ${known.join(', ')}`);
}

async function main() {
  if (values.list) return console.log(cases.map((row) => `${row.name.padEnd(22)}${row.title}`).join('\n'));
  const rounds = values.runs === undefined ? undefined : Number(values.runs);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) usage('--runs takes a whole number above 0');
  const rows = chosen(
    values.only,
    cases.map((row) => row.name),
    'case',
  );
  const peers = chosen(
    values.peers,
    allTools().map((tool) => tool.name),
    'peer',
  );
  mkdirSync(WORK, { recursive: true });
  if (!values['no-install']) installMissing([...peers.map((name) => name.replace('-daemon', '')), 'xxhsum', 'git']);
  for (const row of cases.filter(({ name }) => rows.includes(name))) {
    const tools = allTools().filter(
      ({ name }) => name === 'dagrun' || (peers.includes(name) && row.against.includes(name)),
    );
    const count = rounds ?? row.rounds ?? DEFAULT_ROUNDS;
    const head = {
      date: new Date().toISOString().slice(0, 10),
      machine: machine(),
      load: loadavg()[0] ?? 0,
      rounds: count,
    };
    const recorded = { ...head, results: await runCase(row, tools, { rounds: count, keep: values.keep === true }) };
    console.log(caseSection(row, recorded));
    if (values.write) writeCase(row.name, recorded);
  }
}

stopOnInterrupt();
await main();
