// make_presidio.mjs: written English after the manner of the synthetic set of presidio-research: what customers type to a bank's
// desk, forms and letters, with values as the usual generators of false data make them, of many countries. Own sentences.
import { assemble, pieces_of } from './dice.mjs';
import { email_written, FIRST, LAST } from './english.mjs';
import * as v from './values.mjs';

const cap = (s) => s[0].toUpperCase() + s.slice(1);
const name = (d) => `${cap(d.pick(FIRST))} ${cap(d.pick(LAST))}`;

const PHONES = ['%##-%##-####', '(%##)%##-####', '(%##) %##-####', '%##.%##.####', '+1-%##-%##-####', '001-%##-%##-####', '%#########', '+1 %## %## ####', '1-%##-%##-####',
  '(0131) 496 0###', '(0116) 4960###', '+44(0)131 496 0###', '+44(0)1632960###', '0161 496 0###', '+44 7700 900###', '07700 900###', '020 7946 0###', '0117 496 0###', '+44 20 7946 0###',
  '+49(0)30 #######', '+49 151 ########', '0### 5######', '(0####) 2#####', '+33 6 ## ## ## ##', '06 ## ## ## ##', '+33 (0)1 ## ## ## ##', '+39 3## #######', '+34 6## ### ###', '+34 6########', '08-%## ### ##', '+46 (0)70 ### ## ##',
  '(02) 9### ####', '+61 4## ### ###', '04## ### ###', '0#-####-####', '090-####-####', '+81 90 #### ####', '+7 (9##) ###-##-##', '8 (9##) ###-##-##', '+48 6## ### ###', '+31 6 ########', '06-########', '+358 4# #######', '+420 7## ### ###', '+55 11 9####-####', '+91 98### #####'];
const EXTENSIONS = ['', '', '', '', '', '', '', 'x###', 'x####', ' x##', ' ext. ###', ' ext ##', 'x#####'];
const phone = (d) => {
  const pattern = d.pick(PHONES), american = /%##.?.?%##/.test(pattern);
  const n = d.until(() => d.fill(pattern), (s) => !american || !/[2-9]11/.test(s));
  return american ? n + d.fill(d.pick(EXTENSIONS)) : n;
};
const CARDS = [['4', 16], ['4', 13], ['4', 19], ['51', 16], ['55', 16], ['2221', 16], ['34', 15], ['37', 15], ['6011', 16], ['65', 16], ['36', 14], ['38', 14], ['304', 14], ['3528', 16], ['3589', 16], ['2131', 15], ['1800', 15], ['5018', 12], ['5020', 12], ['5038', 12], ['6304', 12]];
const card = (d) => {
  const n = v.card_of(d, ...d.pick(CARDS));
  return n.length === 16 && d.chance(0.3) ? n.replace(/(....)(?=.)/g, d.pick(['$1 ', '$1-'])) : n;
};
const iban = (d) => { const n = v.iban(d); return d.chance(0.25) ? n.replace(/(....)(?=.)/g, '$1 ') : n; };
const email = (d) => { const e = email_written(d); return d.chance(0.15) ? cap(e) : e; };

const SENTENCES = {
  phone: ['Is there anybody who could call me on {} this afternoon?', 'No text arrived at my registered number {}. What went wrong?', 'My phone: {}', 'Tel. {}', 'Please stop texting {}, it is my daughter\'s phone.', 'Q: How do we reach you? A: {}', 'Have your supervisor ring me at {} about the joint account',
    'Phone {} or fax {}', 'I changed my number from {} to {}', '{} is where my assistant picks up', 'Contact us at {} between 9 and 5.', 'Office: {}\nMobile: {}', 'The pharmacy ({}) closes at 20:00.', 'Somebody kept calling me from {}, is that you?', 'Whatsapp me: {}', 'For a refund dial {}!', 'Mom\'s landline = {}'],
  card: ['Raise the limit of my card {} for two weeks, please', 'My credit card {} was lost yesterday. Block it!', 'When does card {} expire?', 'What did I spend with {} since March?', 'cc {} was charged twice', 'Card no. {}', 'Bot: Which card? User: {}', 'The billing date of {} should move to the 15th', 'Can the card {} be used at an ATM in Lisbon?', 'Number on the card: {}',
    'I stopped using my old credit card {} in 2019 and got {} instead', 'Please charge credit card {}', 'How many points are left on my card {}?', 'I\'m paying the hotel with {} today.'],
  iban: ['What does a transfer from {} cost?', 'My IBAN: {}', 'Wire it to {} until Friday', 'I cannot send anything to the IBAN {}; the app says it is invalid', 'IBAN {} belongs to my landlord', 'Direct debits should leave {} from now on', 'Q: And the IBAN? A: {}', 'Payment reference 4711, account {}', 'Salary goes to {}, savings to {}.'],
  email: ['My e-mail is {}', 'Please mail the statement to {}', 'cc: {}', 'From: {}\nTo: {}', 'You have {} on file, but I use {} now', 'Is {} still right?', 'I never signed up with {}!', 'Write to {} for the full report.', 'Contact person: {}', 'Reset link for {} please', 'Newsletter unsubscribed ({})', '<{}> bounced again'],
};
const MIXED = [['Reach me by {} or {}', ['phone', 'email']], ['Send the last bill of card {} to {}', ['card', 'email']], ['The refund for {} goes to {}', ['card', 'iban']], ['{}, {}', ['email', 'phone']], ['Account holder: {}; call {} first', ['iban', 'phone']], ['Ordered with {} but no mail at {} and no text at {}', ['card', 'email', 'phone']]];
const NONE = [
  (d) => `How do I change the payment due date of my credit card?`,
  (d) => `${name(d)} will speak at the conference in ${d.int(2019, 2026)}`,
  (d) => `The orchestra was founded in ${d.int(1850, 1990)} and plays ${d.int(20, 90)} concerts a year`,
  (d) => `He listed his top ${d.int(10, 50)} songs and put this one at #${d.int(1, 50)}`,
  (d) => `This ${d.int(20, 90)} year old patient complains of stomach pain`,
  (d) => `My name is ${name(d)}, what are my options?`,
  (d) => `I'd like a taxi to ${d.int(1, 900)} ${cap(d.pick(LAST))} Street`,
  (d) => `${d.int(3, 9)}... ${d.int(1, 3)}... liftoff!`,
  (d) => `The film of ${d.int(1960, 2020)} made $${d.int(1, 900)},${d.fill('###')},${d.fill('###')} in ${d.int(2, 40)} weeks`,
  (d) => `Article ${d.int(1, 99)} entered into force on ${d.int(1, 28)} March ${d.int(1990, 2024)}`,
  (d) => `Order #${d.fill('!########')} has ${d.int(2, 9)} items, total €${d.int(5, 900)}.${d.fill('##')}`,
  (d) => `It's a 501(c)3, in its ${d.int(2, 30)}th year`,
  (d) => `Version ${d.int(1, 9)}.${d.int(0, 30)}.${d.int(0, 9)} was released on ${d.int(2019, 2026)}-${v.two_digits(d.int(1, 12))}-${v.two_digits(d.int(1, 28))}`,
  (d) => `Case ${d.fill('####-####')}, room ${d.int(100, 900)}, ${d.int(9, 17)}:30`,
  (d) => `Ask @${d.pick(FIRST)}_${d.pick(LAST)} on the forum`,
  (d) => `Tracking ${d.fill('94##############')}${d.fill('######')} shows no movement`,
  (d) => `Their ZIP code is ${d.fill('!####-####')}`,
  (d) => `Whoever sings it, the ${d.int(1960, 1999)} version is better (see p. ${d.int(2, 400)}-${d.int(401, 900)})`,
];
const VALUES = { phone, card, iban, email };

export function sentence(d) {
  const kind = d.weigh([[52, 'one'], [12, 'mixed'], [36, 'none']]);
  if (kind === 'none') return { ...assemble([{ text: d.pick(NONE)(d) }]), kind };
  let template, types;
  if (kind === 'mixed') [template, types] = d.pick(MIXED);
  else {
    const type = d.pick(Object.keys(SENTENCES));
    template = d.pick(SENTENCES[type]);
    types = Array(9).fill(type);
  }
  const front = d.chance(0.2) ? `${d.pick(['Hello', 'Hi', 'Dear Sir or Madam', 'Good evening'])}, ${d.chance(0.5) ? `this is ${name(d)}. ` : ''}` : '';
  return { ...assemble([{ text: front }, ...pieces_of(template, types.map((type) => ({ type, text: VALUES[type](d) })))]), kind };
}
