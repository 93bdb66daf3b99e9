// Writes the seed corpus of fuzz_fleet: two answers of /metrics, with a zero between them. They are in the tree; run this from the root
// after changing families or the reader: node fuzz/seeds_fleet.mjs
import { mkdirSync, writeFileSync } from 'node:fs';

mkdirSync('fuzz/corpus/fuzz_fleet', { recursive: true });
const put = (name, ...answers) => writeFileSync(`fuzz/corpus/fuzz_fleet/${name}`, answers.join('\0'));

const build = 'steno_build_info{version="0.1.0"} 1\n', id = (x) => `steno_instance_info{id="host_${x}"} 1\n`;
const host = (t) => `process_start_time_seconds 1767571200.5\nprocess_resident_memory_bytes ${1e9 + t}\nsteno_engine_shards 2\n`
  + ['listen', 'encode'].map((s) => `steno_engine_busy_seconds_total{stage="${s}"} ${t * 0.5}\n`).join('');
const of = (model, language, key) => `model="${model}",language="${language}"${key ? `,key="${key}"` : ''}`;
function quality(labels, n) {
  const counts = { utterances: n, empty: n >> 5, texts: n - (n >> 5), streams: n >> 3, speech_seconds: n * 3.25, audio_seconds: n * 5.5,
    characters: n * 40, confidence_sum: n * 0.75, confidence_squares: n * 0.6, streams_judged: n >> 3, streams_quiet: n >> 6 };
  let text = '';
  for (const [name, value] of Object.entries(counts)) text += `# TYPE steno_quality_${name}_total counter\nsteno_quality_${name}_total{${labels}} ${value}\n`;
  for (let i = 1; i <= 10; i++) text += `steno_quality_confidence_bucket{${labels},le="${i / 10}"} ${Math.floor(n * 0.8 * i / 10)}\n`;
  return text + `steno_quality_latency_seconds_bucket{${labels},le="0.05"} 1\nsteno_quality_latency_seconds_bucket{${labels},le="+Inf"} ${n >> 1}\n`;
}
const answer = (t, more = '') => build + id('a') + host(t) + quality(of('tiny', 'en'), 100 + t) + more;

put('minute', answer(1), answer(61));
put('two-series', answer(1, quality(of('base', 'zh', 'k1'), 9)), answer(61, quality(of('base', 'zh', 'k1'), 90)));
put('new-series', answer(1), answer(61, quality(of('base', ''), 7)));
put('restart', answer(500), build + id('b') + host(2) + quality(of('tiny', 'en'), 3));
put('back', answer(500), answer(2));
put('no-id', build + quality(of('m', 'en'), 10), build + quality(of('m', 'en'), 20));
put('impossible', answer(1), answer(1e13));
put('labels', `${build}steno_quality_utterances_total { model = "a\\\\b\\"c\\n" , x="" , } 5 123\r\n`, `${build}steno_quality_utterances_total{model="m",} 1e3 # {t="1"} 1\n`);
put('numbers', build + ['NaN', '-1', '+Inf', '0x1', '1e15', '1e16', '1e-300', '.5', '5.'].map((n) => `steno_quality_texts_total{model="m"} ${n}\n`).join(''));
put('many', build + Array.from({ length: 70 }, (_, i) => `steno_quality_utterances_total{model="m${i}"} ${i}\n`).join(''));
put('cut', `${build}steno_quality_utterances_total{model="m`);
put('other', 'node_load1 0.5\n');
