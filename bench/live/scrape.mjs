// scrape.mjs STENO [STREAMS] [SCRAPES]: how long GET /metrics takes while STREAMS live streams send silence at the pace of time, and what
// of that the server itself spends writing it. STENO_MODELS says where the models are.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

const [steno = 'build/steno', wanted = '500', scrapes = '50'] = process.argv.slice(2);
const n = Number(wanted);
const AT_ONCE = 50; // handshakes under way
const PIECE_MS = 200;
const EVERY_MS = 200; // between scrapes

const data = mkdtempSync(join(tmpdir(), 'steno-scrape-'));
process.on('exit', () => rmSync(data, { recursive: true, force: true }));
function serve() {
  const child = spawn(steno, ['serve', '--port', '0', '--data-dir', data, '--max-connections', String(n + 8), '--max-streams', String(n)], { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let log = '';
    child.stderr.on('data', (bytes) => {
      log += bytes;
      const found = log.match(/listening on http:\/\/(\S+):(\d+)\//);
      if (found) resolve({ child, host: found[1], port: Number(found[2]) });
    });
    child.on('close', (status) => reject(new Error(`the server ended (${status}):\n${log}`)));
  });
}

const connect = ({ host, port }) => new Promise((resolve, reject) => {
  const socket = net.connect({ host, port }, () => socket.write('GET /v1/stream?stats_ms=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n'
    + 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'));
  let got = '';
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`closed: ${got?.slice(0, 400)}`)));
  socket.on('data', (bytes) => {
    if (got !== null) got += bytes.toString('latin1');
    if (!got?.includes('"ready"')) return;
    got = null;
    resolve(socket);
  });
});

const server = await serve();
const sockets = [];
while (sockets.length < n)
  sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, n - sockets.length) }, () => connect(server))));
const bytes = 32 * PIECE_MS;
const frame = Buffer.concat([Buffer.from([0x82, 0xfe, bytes >> 8, bytes & 255, 0, 0, 0, 0]), Buffer.alloc(bytes)]);
const talking = setInterval(() => sockets.forEach((socket) => socket.write(frame)), PIECE_MS);
await after(2000);

const took = [];
const inside = [];
let text = '';
for (let i = 0; i < Number(scrapes); i++) {
  const began = performance.now();
  text = await (await fetch(`http://${server.host}:${server.port}/metrics`)).text();
  took.push(performance.now() - began);
  inside.push(1000 * Number(text.match(/^steno_scrape_seconds (\S+)$/m)[1])); // of the one before
  await after(EVERY_MS);
}
clearInterval(talking);
const at = (list, p) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(p * list.length))].toFixed(2);
const value = (name) => text.match(new RegExp(`^${name} (\\S+)$`, 'm'))[1];
console.log(`${value('steno_streams\\{dialect="native"\\}')} streams, ${text.length} bytes, ${text.split('\n').filter((l) => l && l[0] !== '#').length} series`);
console.log(`asked and answered: median ${at(took, 0.5)} ms, 95th percentile ${at(took, 0.95)} ms, longest ${at(took, 1)} ms`);
console.log(`written in the server: median ${at(inside.slice(1), 0.5)} ms, longest ${at(inside.slice(1), 1)} ms`);
server.child.removeAllListeners('close');
server.child.kill('SIGKILL');
sockets.forEach((socket) => socket.removeAllListeners('close').destroy());
