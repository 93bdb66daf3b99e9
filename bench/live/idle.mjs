// idle.mjs STENO [N] [SECONDS] [OPTION…]: what a connection costs in memory: N that say nothing, then the same N sending
// silence at the pace of time for SECONDS. Options go to `steno serve`. STENO_MODELS says where the models are.
//
// Resident memory of the server, from /proc, without the kernel's socket buffers. Clients are bare sockets: a handshake, and
// frames whose mask is zero.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const [steno = 'build/steno', wanted = '1000', seconds = '10', ...options] = process.argv.slice(2);
const n = Number(wanted);
const AT_ONCE = 50; // handshakes under way
const PIECE_MS = 200;

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function serve() {
  const args = ['serve', '--port', '0', '--max-connections', String(n + 8), '--max-streams', String(n), '--ping-s', '3600',
    '--idle-timeout-s', '86400', ...options];
  const child = spawn(steno, args, { stdio: ['ignore', 'ignore', 'pipe'] });
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

const memory = ({ child }) => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const kib = (name) => Number(status.match(new RegExp(`${name}:\\s+(\\d+) kB`))[1]);
  return { rss: kib('VmRSS'), swap: kib('VmSwap'), threads: Number(status.match(/Threads:\s+(\d+)/)[1]) };
};

// Resolves when `ready` has come.
const connect = ({ host, port }) => new Promise((resolve, reject) => {
  const socket = net.connect({ host, port }, () => socket.write('GET /v1/stream?stats_ms=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n'
    + 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'));
  let got = '';
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`closed: ${got.slice(0, 400)}`)));
  socket.on('data', (bytes) => {
    if (got !== null) got += bytes.toString('latin1');
    if (!got?.includes('"ready"')) return;
    got = null;
    resolve(socket);
  });
});

async function connectAll(server) {
  const sockets = [];
  while (sockets.length < n)
    sockets.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, n - sockets.length) }, () => connect(server))));
  return sockets;
}

// Silence: samples of 16 bits at 16 kHz in pieces of PIECE_MS.
async function sendSilence(sockets) {
  const bytes = 32 * PIECE_MS;
  const frame = Buffer.concat([Buffer.from([0x82, 0xfe, bytes >> 8, bytes & 255, 0, 0, 0, 0]), Buffer.alloc(bytes)]);
  const began = Date.now();
  for (let sent = 0; sent < Number(seconds) * 1000; sent += PIECE_MS) {
    sockets.forEach((socket) => socket.write(frame));
    await after(Math.max(0, began + sent + PIECE_MS - Date.now()));
  }
}

const server = await serve();
const report = (what, before) => {
  const now = memory(server);
  const each = before ? `, ${((now.rss - before.rss) / n).toFixed(1)} KiB a connection` : '';
  console.log(`${what.padEnd(34)} ${String(now.rss).padStart(8)} KiB resident${each}`);
  return now;
};
const status = async () => (await fetch(`http://${server.host}:${server.port}/v1/status`)).json();
await status();
const empty = report('no connections');
const sockets = await connectAll(server);
await status();
report(`${n} idle connections`, empty);
await sendSilence(sockets);
const { engines: [engine], network } = await status();
report(`${n} that sent ${seconds} s of silence`, empty);
console.log(`heard ${engine.audio_s.toFixed(0)} s, ${engine.vad_frames} frames, ${engine.gated_frames} of them gated; `
  + `${network.websockets} connections are open`);
server.child.removeAllListeners('close');
server.child.kill('SIGKILL');
sockets.forEach((socket) => socket.removeAllListeners('close').destroy());
