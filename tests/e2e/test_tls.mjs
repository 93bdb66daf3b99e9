// test_tls.mjs: `steno serve` with certificates: pages, requests and streams over TLS, a renewed certificate, wrong files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import WebSocket from 'ws';
import { skip, steno, test, work, write } from './harness.mjs';
import { Server } from './live_client.mjs';

// A certificate for 127.0.0.1 that signs itself: [certificate, key], two files.
function certificate(name) {
  const [cert, key] = [join(work, `${name}-cert.pem`), join(work, `${name}-key.pem`)];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]);
  if (made.status !== 0) skip('openssl makes no certificates here');
  return [cert, key];
}

// A request of its own connection: { status, body, subject of the server's certificate }.
const get = (address, path, ca) => new Promise((resolve, reject) => {
  https.get(`https://${address}${path}`, { ca: readFileSync(ca), agent: false }, (response) => {
    const subject = response.socket.getPeerCertificate().subject.CN;
    let body = '';
    response.on('data', (bytes) => (body += bytes));
    response.on('end', () => resolve({ status: response.statusCode, body, subject }));
  }).on('error', reject);
});

async function withTls(args, body) {
  const server = new Server(args);
  try {
    [, server.address] = await server.said(/listening on https:\/\/(\S+)\//);
    await body(server);
  } finally {
    server.child.kill('SIGKILL');
    await server.end();
  }
}

test('tls: requests and streams, and nothing without it', async () => {
  const [cert, key] = certificate('first');
  await withTls(['--tls-certificate', cert, '--tls-key', key], async (server) => {
    assert.deepEqual(JSON.parse((await get(server.address, '/readyz', cert)).body), { ready: true });
    assert.match((await get(server.address, '/', cert)).body, /<html/);
    const ws = new WebSocket(`wss://${server.address}/v1/stream`, { ca: readFileSync(cert) });
    const ready = await new Promise((resolve, reject) => ws.on('message', (text) => resolve(JSON.parse(text))).on('error', reject));
    assert.equal(ready.type, 'ready');
    ws.terminate();
    const [host, port] = server.address.split(':');
    const plain = await new Promise((resolve) => {
      let got = '';
      const socket = net.connect(Number(port), host, () => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.on('data', (bytes) => (got += bytes.toString('latin1'))).on('error', () => {}).on('close', () => resolve(got));
    });
    assert.ok(!plain.includes('200'), plain);
    assert.equal((await get(server.address, '/healthz', cert)).status, 200);
  });
});

test('tls: SIGHUP takes a renewed certificate, and keeps the old one when the new one is wrong', async () => {
  const [cert, key] = certificate('old');
  const [cert2, key2] = certificate('new');
  const [usedCert, usedKey] = [write('used-cert.pem', readFileSync(cert)), write('used-key.pem', readFileSync(key))];
  await withTls(['--tls-certificate', usedCert, '--tls-key', usedKey], async (server) => {
    assert.equal((await get(server.address, '/healthz', cert)).subject, 'old');
    copyFileSync(cert2, usedCert); // the key is still the old one's
    server.child.kill('SIGHUP');
    await server.said(/the old configuration stays/);
    assert.equal((await get(server.address, '/healthz', cert)).subject, 'old');
    copyFileSync(key2, usedKey);
    server.child.kill('SIGHUP');
    await server.said(/new streams use model/);
    assert.equal((await get(server.address, '/healthz', cert2)).subject, 'new');
  });
});

test('tls: files that are no certificate, or not there, end the start with their name', () => {
  const [cert, key] = certificate('good');
  const [other] = certificate('other');
  writeFileSync(join(work, 'no.pem'), 'nothing');
  for (const [c, k, says] of [[join(work, 'no.pem'), key, /no\.pem/], ['/nowhere/c.pem', key, /\/nowhere\/c\.pem/], [cert, '/nowhere/k.pem', /\/nowhere\/k\.pem/],
    [other, key, /key/]]) {
    const r = steno(['serve', '--port', '0', '--data-dir', join(work, 'tls-data'), '--tls-certificate', c, '--tls-key', k], { timeout: 60000 });
    assert.equal(r.status, 1, r.err);
    assert.match(r.err, says);
  }
  assert.equal(steno(['serve', '--tls-certificate', cert]).status, 2);
});
