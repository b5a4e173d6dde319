// Ranks every model that was ever evaluated on this data, best accuracy first, and writes the ranking as JSON and HTML.
import { writeFileSync } from 'node:fs';
import { readContext } from './context.mjs';

const context = readContext();
const [{ digest: dataDigest }] = context.deps;
const candidates = context.runs.evaluate
  .filter((run) => Object.values(run.deps)[0].endsWith(dataDigest))
  .map((run) => ({ stage: run.stage, fingerprint: run.fingerprint, ...Object.values(run.metrics)[0] }))
  .sort((a, b) => b.accuracy - a.accuracy || a.loss - b.loss || (a.fingerprint < b.fingerprint ? -1 : 1));
const [rankingPath, reportPath] = context.outPaths;
writeFileSync(rankingPath, `${JSON.stringify(candidates, null, 2)}\n`);

const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const rows = candidates.map(
  (model, rank) =>
    `<tr><td>${rank + 1}</td><td>${escape(model.stage)}</td><td>${(100 * model.accuracy).toFixed(2)} %</td><td>${model.loss.toFixed(4)}</td></tr>`,
);
writeFileSync(
  reportPath,
  `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Models compared</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #8888}</style>
<h1>${escape(candidates[0]?.stage ?? 'No model')} is the best of ${candidates.length}</h1>
<table><thead><tr><th>Rank<th>Model<th>Accuracy<th>Loss</tr></thead><tbody>${rows.join('')}</tbody></table></html>
`,
);
