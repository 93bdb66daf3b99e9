// live_corpus.mjs: the Debian prompts as people who talk all the time need them: 16 kHz wavs without silence at their edges.
//
// A 10 ms frame is silent when it is 36 dB below the recording's loudest; 30 ms before the first and 50 ms after the last other frame stay.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const RATE_IN = 8000;
const RATE = 16000;
const FRAME = 80;
const SILENT = 10 ** (-36 / 20);
const [BEFORE, AFTER] = [0.03 * RATE_IN, 0.05 * RATE_IN];

function readWav(file) {
  const bytes = readFileSync(file);
  const count = (bytes.length - 44) >> 1;
  return Int16Array.from({ length: count }, (_, i) => bytes.readInt16LE(44 + 2 * i));
}

function trim(samples) {
  const rms = [];
  for (let at = 0; at + FRAME <= samples.length; at += FRAME) {
    rms.push(Math.sqrt(samples.subarray(at, at + FRAME).reduce((sum, x) => sum + x * x, 0) / FRAME));
  }
  const floor = SILENT * Math.max(...rms);
  const first = rms.findIndex((x) => x > floor);
  const last = rms.findLastIndex((x) => x > floor);
  return samples.subarray(Math.max(0, first * FRAME - BEFORE), (last + 1) * FRAME + AFTER);
}

// All recordings in one pass; twice the samples come out, so they are cut apart again by their lengths.
function upsample(pieces) {
  const input = Buffer.concat(pieces.map((piece) => Buffer.from(piece.slice().buffer)));
  const raw = (rate) => ['-f', 's16le', '-ar', String(rate), '-ac', '1'];
  const ffmpeg = spawnSync('ffmpeg', ['-v', 'error', ...raw(RATE_IN), '-i', '-', ...raw(RATE), '-'], { input, maxBuffer: 1 << 28 });
  if (ffmpeg.status !== 0) throw new Error(`ffmpeg: ${ffmpeg.stderr ?? ffmpeg.error}`);
  return ffmpeg.stdout;
}

function header(bytes) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + bytes, 4);
  head.write('WAVEfmt ', 8);
  [16, 0x10001, RATE, 2 * RATE, 0x100002].forEach((value, i) => head.writeUInt32LE(value, 16 + 4 * i));
  head.write('data', 36);
  head.writeUInt32LE(bytes, 40);
  return head;
}

export function makeCorpus(out, root) {
  const files = execFileSync(join(root, 'tools/prompts.sh'), ['--wav'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  const pieces = files.map((file) => trim(readWav(file)));
  const all = upsample(pieces);
  const made = `${out}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  let at = 0;
  pieces.forEach((piece, i) => {
    const bytes = all.subarray(at, at + 4 * piece.length);
    writeFileSync(join(made, basename(files[i])), Buffer.concat([header(bytes.length), bytes]));
    at += 4 * piece.length;
  });
  rmSync(out, { recursive: true, force: true });
  renameSync(made, out);
  return { recordings: files.length, seconds: at / 2 / RATE };
}
