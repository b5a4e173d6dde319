// What `npm start` ends with: the verdict in a few lines, and where the report lies.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { verdict, winner } = JSON.parse(readFileSync(`${root}reports/ranking.json`, 'utf8'));
console.log(`\n${verdict.slice(0, 3).join('\n')}\n`);
console.log(`report:     ${root}reports/report.html`);
if (winner !== null) console.log(`best model: ${root}artifacts/best`);
