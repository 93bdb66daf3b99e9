// pings.mjs STENO [IDLE] [ACTIVE] [TALKING] [SECONDS] [OPTION…]: many connections on one server: what an idle one costs in memory
// and time, and how soon pings are answered, first at rest, then while ACTIVE streams send sound, TALKING of them speech.
// Options go to `steno serve`. STENO_MODELS says where the models are; PROBE=1 takes build/net_probe in its place (src/net alone).
//
// Three processes: this one holds the connections and sends sound, another one of higher priority sends pings over connections of
// its own and says how late its own timers were, so that its share of a delay is known. The server's time is split by threads:
// the network's (the first) and all others. Clients are bare sockets: a handshake, and frames whose mask is zero; they come from
// 127.0.0.2, .3 …, each for 20,000 of them, because an address has only so many ports.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const AT_ONCE = 200; // handshakes under way
const BATCH_MS = 300; // the least one batch of them takes: a server keeps a place in its engine for each new stream for 5 s
const PIECE_MS = 200;
const PROBES = 50;
const PROBE_MS = 250; // between pings of one connection
const data = mkdtempSync(join(os.tmpdir(), 'steno-pings-'));
process.on('exit', () => rmSync(data, { recursive: true, force: true }));
const TICK_S = 1 / 100; // of /proc's clock
const bare = Boolean(process.env.PROBE);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const percentile = (list, p) => list[Math.min(list.length - 1, Math.floor((list.length * p) / 100))];

// Resolves when the connection is open and, of steno, `ready` has come.
const connect = (port, i) => new Promise((resolve, reject) => {
  const localAddress = `127.0.0.${2 + Math.floor(i / 20000)}`;
  const socket = net.connect({ host: '127.0.0.1', port, localAddress }, () => socket.write(`GET ${bare ? '/echo' : '/v1/stream?stats_ms=0'} HTTP/1.1\r\n`
    + 'Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'));
  socket.setNoDelay(); // else a small frame behind another waits for an acknowledgement that the server's kernel may delay by 40 ms
  let got = '';
  const wanted = bare ? '\r\n\r\n' : '"ready"';
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`closed: ${got?.slice(0, 400)}`)));
  socket.on('data', function hear(bytes) {
    got += bytes.toString('latin1');
    if (!got.includes(wanted)) return;
    got = null;
    socket.off('data', hear);
    socket.on('data', (more) => pong(socket, more));
    socket.removeAllListeners('close');
    resolve(socket);
  });
});

// ---- the process that pings -------------------------------------------------------------------------------------------

// Answers the server's own pings, whose payload is "steno".
function pong(socket, bytes) {
  if (bytes[0] === 0x89) socket.write(Buffer.concat([Buffer.from([0x8a, 0x85, 0, 0, 0, 0]), Buffer.from('steno')]));
}

async function prober(port, from) {
  const sockets = [];
  const times = [];
  for (let i = 0; i < PROBES; i++) sockets.push(await connect(port, from + i));
  const delay = monitorEventLoopDelay({ resolution: 1 });
  sockets.forEach((socket, i) => {
    let sent = 0;
    socket.on('data', (bytes) => {
      if (bytes[0] === 0x8a && sent) times.push(performance.now() - sent);
      if (bytes[0] === 0x8a) sent = 0;
    });
    socket.on('close', () => { throw new Error('a probe was closed'); });
    setTimeout(() => setInterval(() => {
      if (sent) return; // the last one is not answered yet
      sent = performance.now();
      socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
    }, PROBE_MS), (i * PROBE_MS) / PROBES);
  });
  process.on('message', (what) => {
    if (what === 'begin') {
      times.length = 0;
      delay.reset();
      delay.enable();
      return;
    }
    times.sort((a, b) => a - b);
    process.send({ n: times.length, p50: percentile(times, 50), p99: percentile(times, 99), max: times.at(-1),
      own: (delay.percentile(99) - 1e6) / 1e6 });
  });
  process.send('ready');
}

// ---- the server -------------------------------------------------------------------------------------------------------

function serve(steno, n, options) {
  const child = bare
    ? spawn(steno.replace(/steno$/, 'net_probe'), ['--max', String(n + 100)], { stdio: ['pipe', 'pipe', 'inherit'] })
    : spawn(steno, ['serve', '--port', '0', '--data-dir', data, '--max-connections', String(n + 100), '--max-streams', String(n + 100), '--max-ahead-ms', '5000',
      '--idle-timeout-s', '86400', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let log = '';
    (bare ? child.stdout : child.stderr).on('data', (bytes) => {
      log += bytes;
      const found = log.match(/http:?[ /]+(\S+):(\d+)/);
      if (found) resolve({ child, port: Number(found[2]) });
    });
    child.on('close', (status) => reject(new Error(`the server ended (${status}):\n${log}`)));
  });
}

function usage(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const times = readdirSync(`/proc/${pid}/task`).map((id) => {
    const fields = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8').split(') ')[1].split(' ');
    return { id: Number(id), s: (Number(fields[11]) + Number(fields[12])) * TICK_S };
  });
  const [, queued, turns] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return { queued: queued / 1e6, turns, at: performance.now(), rss: Number(status.match(/VmRSS:\s+(\d+)/)[1]), network: times.find((t) => t.id === pid).s,
    compute: times.filter((t) => t.id !== pid).reduce((sum, t) => sum + t.s, 0) };
}

// Sound at the pace of time on these sockets, for so long.
async function sendSound(sockets, talking, seconds) {
  const bytes = 32 * PIECE_MS;
  const head = Buffer.from([0x82, 0xfe, bytes >> 8, bytes & 255, 0, 0, 0, 0]);
  const silence = Buffer.concat([head, Buffer.alloc(bytes)]);
  const wav = readFileSync('/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav').subarray(44);
  const speech = Array.from({ length: Math.floor(wav.length / bytes) }, (_, i) => Buffer.concat([head, wav.subarray(i * bytes, (i + 1) * bytes)]));
  const began = Date.now();
  const groups = 10; // not all at the same moment
  for (let k = 0; k * PIECE_MS < seconds * 1000 * groups; k++) {
    for (let i = k % groups; i < sockets.length; i += groups) {
      if (sockets[i].writableLength < 200000) sockets[i].write(i < talking ? speech[(Math.floor(k / groups) + i * 7) % speech.length] : silence);
    }
    await after(Math.max(0, began + ((k + 1) * PIECE_MS) / groups - Date.now()));
  }
}

// ---- the run ------------------------------------------------------------------------------------------------------------

async function main() {
  const [steno = 'build/steno', ...rest] = process.argv.slice(2);
  const numbers = rest.filter((a) => /^\d+$/.test(a)).slice(0, 4).map(Number);
  const [idle = 1000, active = 50, talking = 10, seconds = 10] = numbers;
  const server = await serve(steno, idle + active + PROBES, rest.slice(numbers.length));
  const { pid } = server.child;
  const empty = usage(pid);
  const began = performance.now();
  const sockets = [];
  while (sockets.length < idle + active) {
    const n = Math.min(AT_ONCE, idle + active - sockets.length);
    const next = after(bare ? 0 : BATCH_MS);
    sockets.push(...await Promise.all(Array.from({ length: n }, (_, i) => connect(server.port, sockets.length + i))));
    await next;
  }
  if (process.env.NICE) // of every thread but the network's: what it is worth
    for (const id of readdirSync(`/proc/${pid}/task`)) if (Number(id) !== pid) os.setPriority(Number(id), Number(process.env.NICE));
  const full = usage(pid);
  console.log(`${sockets.length} connections opened in ${((performance.now() - began) / 1000).toFixed(2)} s, of which the network thread worked `
    + `${(full.network - empty.network).toFixed(2)} s and waited for a core ${((full.queued - empty.queued) / 1000).toFixed(2)}`);
  let lost = 0;
  for (const socket of sockets) socket.on('close', () => lost++);
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--prober', String(server.port), String(sockets.length)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try { os.setPriority(child.pid, -15); } catch { console.log('(the pinging process could not be given a higher priority)'); }
  const message = () => new Promise((resolve) => child.once('message', resolve));
  await message();
  const measure = async (what, work) => {
    child.send('begin');
    const before = usage(pid);
    await work();
    const now = usage(pid);
    const answer = message();
    child.send('end');
    const { n, p50, p99, max, own } = await answer;
    const share = (name) => `${((100 * (now[name] - before[name])) / ((now.at - before.at) / 1000)).toFixed(1)} %`;
    console.log(`${what}: network thread ${share('network')} of a core, the others ${share('compute')}; ${n} pings answered in `
      + `${p50.toFixed(2)} ms p50, ${p99.toFixed(2)} p99, ${max.toFixed(2)} at most (the pinging process itself was ${own.toFixed(2)} late, p99); `
      + `the network thread waited ${((now.queued - before.queued) / (now.turns - before.turns)).toFixed(2)} ms for a core, on average of ${now.turns - before.turns} times; `
      + `${((now.rss - empty.rss) / sockets.length).toFixed(2)} KiB resident a connection, ${lost} lost`);
  };
  await measure(`${sockets.length} idle`, () => after(seconds * 1000));
  if (active > 0) await measure(`${active} of them send sound, ${talking} speech`, () => sendSound(sockets.slice(0, active), talking, seconds));
  server.child.removeAllListeners('close');
  server.child.kill('SIGKILL');
  child.kill('SIGKILL');
  process.exit(0);
}

if (process.argv[2] === '--prober') await prober(Number(process.argv[3]), Number(process.argv[4]));
else await main();
