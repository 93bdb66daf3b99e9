// onsets.mjs: are quiet first consonants kept? A table by how much softer the first 80 to 150 ms are.
//
//   node bench/vad/onsets.mjs [--build build] [--steno BUILD/steno] [--stage plain|level] [--level dB] [--snr dB] [--seed N]
//                             [--softer 0,6,12,18,24] [--lost]
//
// heard whole: recordings whose first word the whole-recording pass (--vad off) hears; cut: the same of the recording from
// 300 ms before the word on, which the recogniser, who likes no long silence in front, understands far better. Of what
// either heard: on, with the VAD; otherwise, the word is written differently; lost, it is missing. Margin: from the start of the detector's span, lead and all, to
// the true start of the word; "late" counts spans that begin after it or do not exist. --level scales everything.
// Builds spans.c against BUILD/libsteno_core.a. Needs the packages of `tools/setup.sh run test` and converted models.
import { execFileSync, execSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ratio, scaled, writeWav } from './sound.mjs';
import { soften, softOnes, words } from './soft.mjs';

const option = (name, fallback) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : fallback);
const build = option('build', 'build');
const steno = option('steno', join(build, 'steno'));
const stage = option('stage', 'level');
const level = Number(option('level', '0'));
const snr = Number(option('snr', '40'));
const seed = Number(option('seed', '7'));
const LEAD_S = 0.3;
const models = process.env.STENO_MODELS ?? 'build/models';
const work = mkdtempSync(join(tmpdir(), 'steno-onsets-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

function compile() {
  const libraries = execSync('pkg-config --libs libavformat libavcodec libavutil libswresample libseccomp jansson libutf8proc libcrypto').toString().trim().split(/\s+/);
  const out = join(build, 'spans');
  execFileSync('cc', ['-std=gnu17', '-O2', '-Isrc', '-Iinclude', 'bench/vad/spans.c', join(build, 'libsteno_core.a'), ...libraries, '-lm', '-lpthread', '-o', out], { stdio: 'inherit' });
  return out;
}

function prompts() {
  const texts = execFileSync('tools/prompts.sh', { encoding: 'utf8' }).trim().split('\n');
  const files = execFileSync('tools/prompts.sh', ['--wav'], { encoding: 'utf8' }).trim().split('\n');
  return files.map((file, i) => ({ id: texts[i].split('\t')[0], text: texts[i].split('\t')[1], file }));
}

// Words of each recording, in the order of `files`.
function hear(files, options) {
  const list = join(work, 'list.txt');
  const texts = join(work, 'texts.tsv');
  writeFileSync(list, files.join('\n'));
  const r = spawnSync(steno, ['bench', 'offline', '--json', '--list', list, '--texts', texts, '--vad-join-ms', '0', ...options], { encoding: 'utf8' });
  if (r.status !== 0) throw new Error(r.stderr);
  const heard = new Map(readFileSync(texts, 'utf8').trimEnd().split('\n').map((line) => line.split('\t')));
  return files.map((file) => words(heard.get(basename(file, '.wav')) ?? ''));
}

function spans(files) {
  const raw = files.map((file) => {
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', file, '-ar', '16000', '-f', 'f32le', `${file}.raw`]);
    return `${file}.raw`;
  });
  const r = spawnSync(tool, [models, stage], { input: raw.map((f) => `${f}\n`).join(''), encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(r.stderr);
  return r.stdout.trim().split('\n').map((l) => JSON.parse(l).spans);
}

const tool = compile();
const set = softOnes(prompts());
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
console.log(`# ${set.length} recordings, seed ${seed}, room ${snr} dB below the voice, all ${level} dB, stage ${stage}`);
console.log(['softer dB', 'heard whole', 'cut', 'either', 'on', 'otherwise', 'lost', 'late', 'margin ms: least', '5 %', 'median'].join('\t'));
for (const softer of option('softer', '0,6,12,18,24').split(',').map(Number)) {
  const made = set.map((r, i) => ({ ...r, ...soften(r.file, softer, seed * 1000 + i, snr) }));
  const files = made.map((m) => writeWav(join(work, `${m.id}.wav`), m.rate, scaled(m.pcm, ratio(level))));
  const cuts = made.map((m) => writeWav(join(work, `cut-${m.id}.wav`), m.rate, scaled(m.pcm.subarray(Math.round((m.start_s - LEAD_S) * m.rate)), ratio(level))));
  const whole = hear(files, ['--vad', 'off']);
  const cut = hear(cuts, ['--vad', 'off']);
  const on = hear(files, []);
  const count = { whole: 0, cut: 0, either: 0, on: 0, otherwise: 0, lost: [] };
  made.forEach((m, i) => {
    const is = (text) => m.first.includes(text[0]);
    count.whole += is(whole[i]);
    count.cut += is(cut[i]);
    if (!is(whole[i]) && !is(cut[i])) return;
    const known = is(whole[i]) ? whole[i] : cut[i];
    count.either++;
    if (is(on[i])) count.on++;
    else if (on[i].length >= known.length) count.otherwise++;
    else count.lost.push(`${m.id}: "${known.slice(0, 4).join(' ')}" became "${on[i].slice(0, 4).join(' ')}"`);
  });
  const each = spans(files).map((s, i) => (s.length ? made[i].start_s * 1000 - s[0][0] / 16 : -9999));
  const margins = [...each].sort((a, b) => a - b);
  const late = margins.filter((m) => m < 0).length;
  const found = margins.filter((m) => m > -9999);
  console.log([softer, count.whole, count.cut, count.either, count.on, count.otherwise, count.lost.length, late, ...[0, 0.05, 0.5].map((q) => at(found, q).toFixed(0))].join('\t'));
  if (process.argv.includes('--lost')) {
    count.lost.forEach((l) => console.log(`  lost: ${l}`));
    made.forEach((m, i) => each[i] < 0 && console.log(`  late: ${m.id} ${each[i]}`));
  }
}
