// run.mjs [PART OF A NAME]: end-to-end tests of the program as people run it. STENO names it (default build/steno).
// The last line is "N passed, N failed, N skipped".
import { runAll } from './harness.mjs';
import './test_output.mjs';
import './test_times.mjs';
import './test_input.mjs';
import './test_engine.mjs';
import './test_live.mjs';
import './test_help.mjs';
import './test_alarm.mjs';
import './test_config.mjs';
import './test_log.mjs';
import './test_tls.mjs';
import './test_completion.mjs';
import './test_conversations.mjs';
import './test_serve.mjs';
import './test_vosk.mjs';
import './test_wyoming.mjs';
import './test_funasr.mjs';
import './test_asyncapi.mjs';
import './test_auth.mjs';
import './test_openapi.mjs';
import './test_speakers.mjs';
import './test_page.mjs';
import './test_page_speakers.mjs';
import './test_page_real.mjs';
import './test_onsets.mjs';
import './test_storm.mjs';
import './test_jobs.mjs';
import './test_jobs_fault.mjs';
import './test_faults.mjs';
import './test_openai.mjs';
import './test_openai_realtime.mjs';
import './test_deepgram.mjs';
import './test_labels.mjs';
import './test_labels_hard.mjs';
import './test_net.mjs';

process.exitCode = await runAll(process.argv[2]);
