// opinions.mjs: two second opinions on word times in sentences, where nobody knows the truth exactly.
//
//   node bench/times/opinions.mjs OUT
//
// Writes OUT/*.wav and OUT/truth.tsv as truth.mjs does. Sets:
//   aligned    the LibriVox utterances and SENTENCES of the Debian prompts, their known texts aligned by pocketsphinx (an
//              acoustic model of another kind, 10 ms steps; itself a few tens of ms from what people mark)
//   festival   sentences spoken by festival, which knows when it says each word
// Needs the Debian packages pocketsphinx, pocketsphinx-en-us, festival and festvox-us-slt-hts or festvox-kallpc16k, and sox.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const SENTENCES = 60;
const SPOKEN = 20; // by each voice
const VOICES = ['cmu_us_slt_arctic_hts', 'kal_diphone'];
const MODEL = '/usr/share/pocketsphinx/model/en-us';

const out = resolve(process.argv[2] ?? '.');
if (!process.argv[2]) {
  console.error('usage: node bench/times/opinions.mjs OUT');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const truth = [];
const lines = (script) => execFileSync('sh', [script]).toString().trim().split('\n').map((l) => l.split('\t'));
const paths = (script) => execFileSync('sh', [script, '--wav']).toString().trim().split('\n');
const known = new Set(readFileSync(join(MODEL, 'cmudict-en-us.dict'), 'utf8').split('\n').map((l) => l.split(' ')[0]));
const plainWords = (text) => text.toLowerCase().replace(/[^a-z' ]/g, ' ').split(/\s+/).filter((w) => w);

// [[word, start, end] …] when the grammar that says exactly these words was matched, else null.
function align(wav, words) {
  const grammar = join(out, 'text.jsgf');
  writeFileSync(grammar, `#JSGF V1.0;\ngrammar text;\npublic <s> = ${words.join(' ')} ;\n`);
  const wide = ['-beam', '1e-80', '-wbeam', '1e-60', '-pbeam', '1e-80', '-bestpath', 'no'];
  const whole = ['-remove_noise', 'no', '-remove_silence', 'no', '-vad_threshold', '1', '-vad_prespeech', '100', '-vad_postspeech', '400'];
  const r = spawnSync('pocketsphinx_continuous', ['-infile', wav, '-jsgf', grammar, '-time', 'yes', '-hmm', join(MODEL, 'en-us'), '-dict', join(MODEL, 'cmudict-en-us.dict'), ...wide, ...whole]);
  if (r.error) throw r.error;
  const found = [];
  for (const line of r.stdout.toString().split('\n')) {
    const [word, start, end, more] = line.split(/\s+/);
    if (Number(more) >= 0 && /^[a-z']+(\(\d+\))?$/.test(word)) found.push([word.replace(/\(.*/, ''), Number(start), Number(end) + 0.01]);
  }
  rmSync(grammar);
  return found.map((f) => f[0]).join(' ') === words.join(' ') ? found : null;
}

function addAligned() {
  let n = 0;
  for (const script of ['tools/librivox.sh', 'tools/prompts.sh']) {
    const wavs = paths(script);
    lines(script).forEach(([, text], i) => {
      const words = plainWords(text);
      if (n >= SENTENCES || words.length < 7 || words.length > 30 || !words.every((w) => known.has(w))) return;
      const name = `aligned-${String(n).padStart(2, '0')}.wav`;
      execFileSync('sox', [wavs[i], '-r', '16000', join(out, name)]);
      const found = align(join(out, name), words);
      if (!found) return rmSync(join(out, name));
      n++;
      for (const [w, start, end] of found) truth.push([name, w, start, end]);
    });
  }
}

// Festival's files: "end 100 label" lines behind a line with '#'.
const labels = (file) => readFileSync(file, 'utf8').split('#\n')[1].trim().split('\n').map((l) => l.trim().split(/\s+/)).map(([end, , label]) => ({ end: Number(end), label }));

function addSpoken(voice, sentences, first) {
  const script = join(out, 'say.scm'), at = (i, what) => join(out, `say-${i}.${what}`);
  writeFileSync(script, `(voice_${voice})\n` + sentences.map((s, i) => `(set! u (utt.synth (Utterance Text "${s}")))\n(utt.save.wave u "${at(i, 'wav')}" 'riff)\n(utt.save.segs u "${at(i, 'seg')}")\n(utt.save.words u "${at(i, 'wrd')}")\n`).join(''));
  const r = spawnSync('festival', ['-b', script]);
  if (r.error) throw r.error;
  sentences.forEach((_, i) => {
    const name = `festival-${String(first + i).padStart(2, '0')}.wav`, phones = labels(at(i, 'seg'));
    let before = 0;
    for (const { end, label } of labels(at(i, 'wrd'))) {
      const k = phones.findIndex((p) => p.end > before + 1e-3); // a pause that begins where the word before ends
      truth.push([name, label, phones[k].label === 'pau' ? phones[k].end : before, end]);
      before = end;
    }
    copyFileSync(at(i, 'wav'), join(out, name));
    for (const what of ['wav', 'seg', 'wrd']) rmSync(at(i, what));
  });
  rmSync(script);
}

addAligned();
const sentences = lines('tools/prompts.sh').map(([, text]) => text).filter((t) => /^[A-Za-z ,.'!?-]+$/.test(t) && t.split(' ').length >= 6 && t.split(' ').length <= 30).filter((_, i) => i % 3 === 0);
VOICES.forEach((voice, v) => addSpoken(voice, sentences.slice(v * SPOKEN, (v + 1) * SPOKEN), v * SPOKEN));
writeFileSync(join(out, 'truth.tsv'), truth.map(([f, w, s, e]) => `${f}\t${w}\t${s.toFixed(4)}\t${e.toFixed(4)}\n`).join(''));
console.log(`${truth.length} words in ${new Set(truth.map((t) => t[0])).size} recordings`);
