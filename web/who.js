// who.js: what opens under a speaker's chip: a name to type, and who else it is.
// Invariants: one is open at a time; it belongs to a row, so what the server mends meanwhile does not close it.
import { child } from './dom.js';
import { NAME_MAX_BYTES } from './speakers.js';

export class WhoEditor {
  #open = null; // { session, row, label, chip, form }
  #onName;
  #onSame;

  // onName(session, label, name); onSame(session, from, into); both after it has closed.
  constructor({ onName, onSame }) {
    this.#onName = onName;
    this.#onSame = onSame;
  }

  // refusal: why two cannot be made one now, or empty.
  toggle(session, row, chip, refusal) {
    const again = this.#open?.chip === chip && this.#open.form.isConnected;
    this.close();
    if (again) return;
    const label = session.speakers.of(chip.dataset.speaker);
    const form = this.#build(session, label, refusal);
    this.#open = { session, row, label, chip, form };
    row.item.append(form);
    chip.setAttribute('aria-expanded', 'true');
    form.elements.name.focus({ preventScroll: true });
    form.elements.name.select();
    form.scrollIntoView({ block: 'nearest' });
  }

  get isOpen() {
    return this.#open?.form.isConnected ?? false;
  }

  // Two may be made one now, or not any more; what is typed stays. refusal(session): as of toggle().
  refresh(refusal) {
    if (!this.isOpen) return;
    const { session, label, form } = this.#open;
    form.querySelector('.who-same')?.remove();
    this.#buildSame(form, session, label, refusal(session));
  }

  // Closes it; the keyboard goes back to the chip it came from.
  close() {
    if (!this.#open) return;
    const { session, row, label, chip, form } = this.#open;
    const focused = form.contains(document.activeElement);
    this.#open = null;
    form.remove();
    chip.setAttribute('aria-expanded', 'false');
    if (focused) (row.chipOf(session.speakers.of(label)) ?? chip).focus({ preventScroll: true });
  }

  #build(session, label, refusal) {
    const { speakers } = session;
    const form = document.createElement('form');
    form.className = 'who-editor';
    form.setAttribute('aria-label', `Speaker ${speakers.name(label)}`);
    const line = child(form, 'label', 'who-name');
    child(line, 'span').textContent = 'Name';
    const input = child(line, 'input');
    Object.assign(input, { name: 'name', type: 'text', maxLength: NAME_MAX_BYTES, autocomplete: 'off', placeholder: label, value: speakers.isNamed(label) ? speakers.name(label) : '' });
    const save = child(form, 'button', 'who-save');
    Object.assign(save, { type: 'submit', textContent: 'Save' });
    const cancel = child(form, 'button', 'who-cancel');
    Object.assign(cancel, { type: 'button', textContent: 'Cancel' });
    cancel.addEventListener('click', () => this.close());
    this.#buildSame(form, session, label, refusal);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#done(() => this.#onName(session, label, input.value));
    });
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close();
    });
    return form;
  }

  #buildSame(form, session, label, refusal) {
    const others = session.speakers.others(label);
    if (others.length === 0) return;
    const group = child(form, 'div', 'who-same');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', `${session.speakers.name(label)} is the same person as`);
    child(group, 'p').textContent = refusal || 'is the same person as';
    if (refusal) return;
    for (const other of others) {
      const button = child(group, 'button', 'who');
      button.type = 'button';
      session.paint(button, other);
      button.addEventListener('click', () => this.#done(() => this.#onSame(session, label, other)));
    }
  }

  // What is asked for is done first, so that the keyboard finds the chip as it is then.
  #done(what) {
    what();
    this.close();
  }
}
