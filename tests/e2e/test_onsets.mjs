// test_onsets.mjs: quiet first consonants are kept: "Hey, hello" never comes out as "hello".
import assert from 'node:assert/strict';
import { soften, softOnes, words } from '../../bench/vad/soft.mjs';
import { ratio, scaled, writeWav } from '../../bench/vad/sound.mjs';
import { join } from 'node:path';
import { prompts, stem, test, transcribe, work } from './harness.mjs';

const SEED = 20240229;
const LEAD_S = 0.3;
const SOME = ['auth-thankyou', 'conf-full', 'conf-locked', 'conf-extended', 'hello-world', 'hello', 'from-unknown-caller', 'something-terribly-wrong',
  'sorry-youre-having-problems', 'number-not-answering', 'simul-call-limit-reached', 'feature-not-avail-line', 'conf-onlyone', 'vm-first', 'digits-50', 'digits-17'];

// First words by id, as heard in [{ id, file }].
function hear(made, options) {
  const documents = transcribe(['-f', 'json', '--no-words', '--vad-join-ms', '0', ...options, ...made.map((m) => m.file)]).trim().split('\n');
  return new Map(documents.map((line) => JSON.parse(line)).map((d) => [stem(d.file), words(d.segments.map((s) => s.text).join(' '))]));
}

// At every softness: what the whole recording, or one cut by hand 300 ms before the word, is heard to begin with is also
// heard through voice activity.
function decides(level) {
  console.log(`seed ${SEED}`);
  const set = softOnes(prompts()).filter((p) => SOME.includes(p.id));
  assert.equal(set.length, SOME.length);
  for (const softer of [0, 6, 12, 18, 24]) {
    const sounds = set.map((r, i) => ({ ...r, ...soften(r.file, softer, SEED + i) }));
    const put = (name, rate, pcm) => writeWav(join(work, `${name}.wav`), rate, scaled(pcm, ratio(level)));
    const whole = sounds.map((m) => ({ ...m, file: put(m.id, m.rate, m.pcm) }));
    const cut = sounds.map((m) => ({ ...m, file: put(`cut-${m.id}`, m.rate, m.pcm.subarray(Math.round((m.start_s - LEAD_S) * m.rate))) }));
    const [on, off, byHand] = [hear(whole, []), hear(whole, ['--vad', 'off']), hear(cut, ['--vad', 'off'])];
    const known = set.filter((m) => m.first.includes(off.get(m.id)[0]) || m.first.includes(byHand.get(`cut-${m.id}`)[0]));
    assert.ok(known.length >= SOME.length / 2, `only ${known.length} of ${SOME.length} are heard at all at ${softer} dB`);
    const lost = known.filter((m) => !m.first.includes(on.get(m.id)[0])).map((m) => `${m.id}: ${on.get(m.id).join(' ')}`);
    assert.deepEqual(lost, [], `${softer} dB softer`);
  }
}

test('a soft first consonant is kept, however soft', () => decides(0));
test('a soft first consonant of a quiet speaker is kept', () => decides(-40));
