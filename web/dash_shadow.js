// dash_shadow.js: what a second model makes of the same sound, where one runs in the shadow. Every text is set as text.
import { $, child } from './dom.js';
import { same } from './dash_parts.js';

export function paintShadow(answer) {
  $('shadow').hidden = !answer;
  if (!answer || same($('shadow-body'), answer)) return;
  child($('shadow-body'), 'p').textContent = String(answer.verdict ?? '');
}
