// metrics-docs.mjs ADDRESS: writes the table of docs/metrics.md from what a running server says at http://ADDRESS/metrics.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'docs/metrics.md';
const text = await (await fetch(`http://${process.argv[2]}/metrics`)).text();
const families = new Map();
for (const line of text.split('\n')) {
  const [, kind, name, rest] = line.match(/^# (HELP|TYPE) (\S+) (.*)$/) ?? [];
  if (kind) families.set(name, { ...families.get(name), [kind]: rest, labels: families.get(name)?.labels ?? new Set() });
  const sample = line.match(/^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} /);
  for (const [, label] of sample?.[2].matchAll(/(\w+)="/g) ?? []) if (label !== 'le') (families.get(sample[1]) ?? families.get(line.split('{')[0]))?.labels.add(label);
}
const table = [...families].map(([name, { HELP, TYPE, labels }]) => `| \`${name}\` | ${TYPE} | ${[...labels].map((l) => `\`${l}\``).join(' ')} | ${HELP} |`);
const [before, after] = readFileSync(FILE, 'utf8').split(/(?<=<!-- families -->\n)[^]*(?=<!-- end of families)/);
writeFileSync(FILE, `${before}| family | type | labels | what |\n|---|---|---|---|\n${table.join('\n')}\n${after}`);
console.log(`${FILE}: ${families.size} families`);
