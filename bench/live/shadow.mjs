// shadow.mjs STENO: what users notice of a model in the shadow (docs/shadow.md): the same people talk to a server without one and to a server
// where every stream is also heard by a second model, in turns; with few people and with so many that the machine is full.
// Prints first text and finals of each, their ratio, and what the shadow dropped.
// PEOPLE ("4 60"), SECONDS (25, measured in each part), ROUNDS (2), MODEL (base) of the shadow, MORE: more options of the server.
// RUN='chrt -r 5' keeps other work on the machine out of the figures.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const steno = process.argv[2] ?? 'build/steno';
const loads = (process.env.PEOPLE ?? '4 60').split(' ').map(Number);
const seconds = Number(process.env.SECONDS ?? 25);
const rounds = Number(process.env.ROUNDS ?? 2);
const model = process.env.MODEL ?? 'base';
const words = (text) => (text ?? '').split(' ').filter(Boolean);
const run = words(process.env.RUN);
const work = mkdtempSync(join(tmpdir(), 'steno-bench-shadow-'));
const list = join(work, 'prompts.txt');
writeFileSync(list, execFileSync('tools/prompts.sh', ['--wav']));

function serve(options) {
  const [command, ...args] = [...run, steno, 'serve', '--port', '0', '--watch', 'yes', ...options, ...words(process.env.MORE)];
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, XDG_DATA_HOME: work } });
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr.on('data', (bytes) => {
      log += bytes;
      const found = log.match(/listening on http:\/\/(\S+)\//);
      if (found) resolve({ child, address: found[1] });
    });
    child.on('close', (status) => reject(new Error(`the server ended (${status}):\n${log}`)));
  });
}

async function talk({ child, address }, people, seed) {
  const [command, ...args] = [...run, steno, 'bench', 'live', '--corpus', list, '--gap-ms', '800', '--url', `ws://${address}/v1/stream`, '--pid',
    String(child.pid), '--streams', String(people), '--duration', String(seconds), '--ramp', '2', '--warm-up', '4', '--seed', String(seed), '--json'];
  const bench = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  bench.stdout.on('data', (bytes) => (out += bytes));
  await new Promise((resolve) => bench.on('close', resolve));
  return JSON.parse(out);
}

async function part(people, on, seed) {
  const server = await serve(on ? ['--shadow-model', model, '--shadow-percent', '100', '--shadow-streams', '64'] : []);
  try {
    const figures = await talk(server, people, seed);
    const shadow = on ? await (await fetch(`http://${server.address}/v1/shadow`)).json() : null;
    return { figures, shadow };
  } finally {
    server.child.removeAllListeners('close');
    server.child.kill('SIGKILL');
  }
}

const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
const kinds = [['first text', 'first_text_ms'], ['finals', 'final_latency_ms']];

function compare(people, parts) {
  console.log(`== ${people} people, ${rounds} rounds of ${seconds} s each way (ms; p99 of each round behind it)`);
  for (const [title, name] of kinds) {
    for (const p of ['p50', 'p99']) {
      const [off, on] = ['off', 'on'].map((way) => parts[way].map(({ figures }) => figures[name][p]));
      const each = (list) => list.map((x) => x.toFixed(0)).join(' ');
      console.log(`${title.padEnd(10)} ${p}  without ${mean(off).toFixed(1).padStart(7)}  with ${mean(on).toFixed(1).padStart(7)}`
        + `  ratio ${(mean(on) / mean(off)).toFixed(3)}   [${each(off)} | ${each(on)}]`);
    }
  }
  const n = parts.off.map(({ figures }) => figures.final_latency_ms.n).join('+');
  const copied = mean(parts.on.map(({ shadow }) => shadow.copied.audio_s));
  const dropped = mean(parts.on.map(({ shadow }) => Object.values(shadow.dropped).reduce((sum, d) => sum + d.audio_s, 0)));
  const why = Object.entries(parts.on.at(-1).shadow.dropped).filter(([, d]) => d.audio_s > 0).map(([r, d]) => `${r} ${d.audio_s.toFixed(0)} s`);
  console.log(`finals measured ${n}; server cores ${mean(parts.off.map(({ figures }) => figures.server_cores)).toFixed(2)} | ${mean(parts.on.map(({ figures }) => figures.server_cores)).toFixed(2)}`);
  console.log(`shadow: heard ${copied.toFixed(0)} s, dropped ${dropped.toFixed(0)} s (${((100 * dropped) / (copied + dropped)).toFixed(0)} %) ${why.join(', ')}`);
}

try {
  for (const people of loads) {
    const parts = { off: [], on: [] };
    for (let i = 0; i < rounds; i++) {
      for (const way of i % 2 ? ['on', 'off'] : ['off', 'on']) parts[way].push(await part(people, way === 'on', i + 1));
    }
    compare(people, parts);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
