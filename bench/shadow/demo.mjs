// demo.mjs STENO [tiny-base|int8-fp32|all] [PAGE_DIR]: a model in the shadow, shown: every recording of the Debian prompts is sent to a
// server, people talk to it for a while, and `steno shadow report` says what came of it; with PAGE_DIR as pages, too. docs/shadow.md.
// CLIPS (353) recordings, PEOPLE (4) for SECONDS (30). STENO_MODELS says where the models are.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [steno = 'build/steno', which = 'all', pages] = process.argv.slice(2);
const PAIRS = {
  'tiny-base': ['--model', 'tiny', '--shadow-model', 'base'],
  'int8-fp32': ['--model', 'tiny', '--precision', 'int8', '--shadow-model', 'tiny', '--shadow-precision', 'fp32'],
};
const work = mkdtempSync(join(tmpdir(), 'steno-shadow-demo-'));
const list = join(work, 'prompts.txt');
const files = execFileSync('tools/prompts.sh', ['--wav'], { encoding: 'utf8' }).trim().split('\n').slice(0, Number(process.env.CLIPS ?? 353));
writeFileSync(list, files.join('\n'));
const WAITING_MAX_S = 30; // audio that the shadow has not heard yet, before the next recording is sent

function serve(options, dir) {
  const child = spawn(steno, ['serve', '--port', '0', '--data-dir', dir, '--shadow-percent', '100', '--shadow-streams', '64', '--shadow-floor-percent', '30', ...options],
    { stdio: ['ignore', 'ignore', 'pipe'] });
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

async function transcribe(address, file) {
  const body = new FormData();
  body.append('file', new Blob([readFileSync(file)], { type: 'audio/wav' }), 'a.wav');
  body.append('model', 'whisper-1');
  await (await fetch(`http://${address}/v1/audio/transcriptions`, { method: 'POST', body })).text();
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Until no more than so much audio of copies waits.
async function heard(address, waiting_s) {
  for (;;) {
    const r = await (await fetch(`http://${address}/v1/shadow`)).json();
    if (r.copied.audio_s - r.b.heard_s - (r.again?.heard_s ?? 0) <= waiting_s) return;
    await after(100);
  }
}

async function show(name) {
  const dir = join(work, name);
  const server = await serve(PAIRS[name], dir);
  try {
    for (const file of files) {
      await transcribe(server.address, file);
      await heard(server.address, WAITING_MAX_S);
    }
    await heard(server.address, 0.5);
    if (Number(process.env.PEOPLE ?? 4))
      spawnSync(steno, ['bench', 'live', '--corpus', list, '--gap-ms', '800', '--url', `ws://${server.address}/v1/stream`, '--streams', process.env.PEOPLE ?? '4',
        '--duration', process.env.SECONDS ?? '30', '--ramp', '2', '--warm-up', '2'], { stdio: 'ignore' });
    await after(2000);
    console.log(`==== ${name}\n`);
    console.log(execFileSync(steno, ['shadow', 'report', '--url', `http://${server.address}`], { encoding: 'utf8' }));
    if (pages) execFileSync(steno, ['shadow', 'report', '--url', `http://${server.address}`, '--html', join(pages, `${name}.html`)]);
  } finally {
    server.child.removeAllListeners('close');
    server.child.kill('SIGKILL');
  }
}

try {
  for (const name of which === 'all' ? Object.keys(PAIRS) : [which]) await show(name);
} finally {
  rmSync(work, { recursive: true, force: true });
}
