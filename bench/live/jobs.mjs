// jobs.mjs STENO: what live streams notice of jobs. People talk to a server alone, then while recordings of ten minutes wait
// and run beside them; then the recordings have it to themselves. docs/jobs.md has the figures.
// PEOPLE (default 24), SECONDS (20). RUN='chrt -r 5' keeps other work on the machine out of the figures.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const steno = process.argv[2] ?? 'build/steno';
const people = Number(process.env.PEOPLE ?? 24);
const seconds = Number(process.env.SECONDS ?? 20);
const run = (process.env.RUN ?? '').split(' ').filter(Boolean);
const work = mkdtempSync(join(tmpdir(), 'steno-bench-jobs-'));
const list = join(work, 'prompts.txt');
writeFileSync(list, execFileSync('tools/prompts.sh', ['--wav']));

// Ten minutes of prompts, as one WAV of the first one's format.
function tenMinutes() {
  const files = readFileSync(list, 'utf8').trim().split('\n');
  const data = (f) => {
    const b = readFileSync(f);
    let at = 12;
    while (b.toString('latin1', at, at + 4) !== 'data') at += 8 + b.readUInt32LE(at + 4);
    return b.subarray(at + 8, at + 8 + b.readUInt32LE(at + 4));
  };
  const head = Buffer.from(readFileSync(files[0]).subarray(0, 44));
  const rate = head.readUInt32LE(24);
  const parts = [];
  let bytes = 0;
  for (let i = 0; bytes < 600 * rate * 2; i++) {
    parts.push(data(files[i % files.length]));
    bytes += parts.at(-1).length;
  }
  head.writeUInt32LE(36 + bytes, 4);
  head.writeUInt32LE(bytes, 40);
  return Buffer.concat([head, ...parts]);
}

const [command, ...args] = [...run, steno, 'serve', '--port', '0', '--data-dir', join(work, 'data')];
const server = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
let log = '';
const address = await new Promise((resolve) => server.stderr.on('data', (bytes) => {
  log += bytes;
  const found = log.match(/listening on http:\/\/(\S+)\//);
  if (found) resolve(found[1]);
}));
const get = async (path, options) => (await fetch(`http://${address}${path}`, options)).json();
const heard = async () => {
  const { jobs } = await get('/v1/jobs?limit=99');
  return jobs.reduce((sum, j) => sum + j.audio_s, 0);
};

async function live(title) {
  const before = await heard();
  const child = spawn(run[0] ?? steno, [...(run.length ? [...run.slice(1), steno] : []), 'bench', 'live', '--corpus', list, '--gap-ms', '500',
    '--url', `ws://${address}/v1/stream`, '--pid', String(server.pid), '--streams', String(people), '--duration', String(seconds), '--json'],
  { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  await new Promise((resolve) => child.on('close', resolve));
  console.log(title, `jobs heard ${((await heard()) - before).toFixed(0)} s of audio meanwhile`);
  console.log(out.trim());
}

try {
  await live(`== ${people} people alone:`);
  const body = tenMinutes();
  for (let i = 0; i < Number(process.env.RECORDINGS ?? 20); i++) await get('/v1/jobs', { method: 'POST', headers: { 'content-type': 'audio/wav' }, body });
  await live(`== ${people} people beside jobs:`);
  const [from, at] = [await heard(), performance.now()];
  spawnSync('sleep', [String(Math.min(seconds, 10))]);
  console.log(`== jobs alone: ${(((await heard()) - from) / ((performance.now() - at) / 1000)).toFixed(0)} s of audio a second`);
} finally {
  server.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
}
