// spoken.mjs: sentences of talk with names in them, made by rule, for train.c: `node bench/names/spoken.mjs LISTS.tsv OUT.conll`
//
// The corpora that train.c learns from are articles and short messages; people on a telephone say their names otherwise. Sentences are made
// of the patterns below: {P} a person, {F} a given name alone, {S} a surname alone, {L} a place, {O} an organisation. As many patterns have no
// name where one might be thought to stand. SEED makes the choices.
import { readFileSync, writeFileSync } from 'node:fs';

const SEED = 4711, SENTENCES = 2500;
let state = SEED;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 4294967296) * n);
};
const rows = readFileSync(process.argv[2], 'utf8').split('\n').map((l) => l.split('\t')).filter((f) => f[0] === 'word' && !f[1].includes(' ')).slice(0, 56000);
const listed = (bits, but) => rows.filter((f) => Number(f[2]) & bits && !(Number(f[2]) & but)).map((f) => f[1]);
const firsts = listed(0x3, 0x1000), lasts = listed(0xc, 0x1000), places = listed(0x30, 0x1000);
// The commoner the likelier.
const draw = (list) => list[random(random(list.length) + 1)];
const capital = (w) => w[0].toUpperCase() + w.slice(1);
const MIXED = (a, b) => a.slice(0, Math.ceil(a.length / 2)) + b.slice(Math.floor(b.length / 2));
const name = (list) => capital(random(6) === 0 ? MIXED(draw(list), draw(list)) : draw(list));
const TWO = 'New York|Los Angeles|San Francisco|New Jersey|North Carolina|South Dakota|San Diego|Las Vegas|Hong Kong|New Zealand|South Africa|United Kingdom|United States|Costa Rica|Saint Louis|Salt Lake City|New Orleans|San Jose|Cape Town|Tel Aviv|Buenos Aires|Kuala Lumpur|West Virginia'.split('|');
const KINDS = 'Bank|Insurance|University|Hospital|Clinic|Group|Corporation|Systems|Airlines|Pharmacy|Energy|Telecom|Motors|Solutions|Health|Logistics|Foods|Partners|Media|Software'.split('|');
const PLAIN = 'First|United|National|General|Global|Pacific|Northern|Summit|Blue River|Green Valley|Pioneer|Liberty|Silver Lake|Redwood|Northwest|Central'.split('|');
const firm = () => `${random(3) === 0 ? name(lasts) : random(2) ? PLAIN[random(PLAIN.length)] : capital(draw(places))} ${KINDS[random(KINDS.length)]}`;
const person = () => {
  const k = random(10);
  if (k < 6) return `${name(firsts)} ${name(lasts)}`;
  if (k < 7) return `${name(firsts)} ${name(firsts)} ${name(lasts)}`;
  if (k < 8) return `${name(firsts)} ${capital(draw(lasts)[0])}. ${name(lasts)}`;
  return `${name(firsts)} ${name(lasts)}-${name(lasts)}`;
};
const fill = { P: () => [person(), 'PER'], F: () => [name(firsts), 'PER'], S: () => [name(lasts), 'PER'], L: () => [random(4) ? capital(draw(places)) : TWO[random(TWO.length)], 'LOC'], O: () => [firm(), 'ORG'] };

const PATTERNS = `
My name is {P} .
My name is {F} .
Hi , my name is {P} and I am calling about my order .
Hello , this is {P} speaking .
Hello , this is {F} from {O} .
This is {P} calling from {O} .
Hi {F} , how are you today ?
Good morning {F} , thanks for calling .
Good afternoon , you are speaking with {F} .
I am {P} .
I'm {F} , nice to meet you .
It's {F} here .
May I speak to {P} please ?
Can I speak with Mr. {S} ?
Is Mrs {S} there ?
I would like to talk to Doctor {S} about my results .
Could you put me through to Dr. {S} ?
Please ask {F} to call me back .
Tell {F} that the meeting is at nine .
I spoke with {F} yesterday .
I spoke to a lady called {P} last week .
My wife {F} and I live in {L} .
My husband's name is {P} .
My son {F} is seven and my daughter {F} is nine .
The account is in the name of {P} .
The policy holder is {P} .
First name {F} , last name {S} .
The last name is {S} , spelled as it sounds .
Surname {S} .
That is {F} with a k .
Thank you {F} , have a good day .
Thanks {F} .
Okay {F} , let me check that for you .
Sure , {F} , one moment please .
{F} , can you hear me ?
{F} and {F} will join us later .
{P} will be taking the notes today .
{P} said the budget is too small .
We should ask {P} from the design team .
As {F} mentioned , the release is late .
I agree with {F} on that .
So {F} , what do you think ?
Over to you {F} .
Let's hear from {P} first .
I live in {L} .
I am calling from {L} .
We are based in {L} , {L} .
I was born in {L} and grew up in {L} .
We flew from {L} to {L} last night .
The office in {L} is closed on Monday .
She moved to {L} with {F} .
I work at {O} .
I work for {O} in {L} .
He used to be with {O} before it was sold .
My bank is {O} .
I have a card from {O} .
Welcome to {O} , how can I help you ?
The patient , {P} , was admitted on Tuesday .
Patient name {P} , date of birth May first .
Your honor , {P} for the defense .
The witness is {P} of {L} .
Counsel for {O} is {P} .
Send it to {P} at {O} .
It was written by {P} .
Do you know {P} ?
I met {F} in {L} .
Who is {P} ?
Have you seen {F} 's email ?
{F} 's phone is off .
That was {P} 's idea .
My manager is {P} .
My doctor is Dr. {P} .
Professor {S} teaches at {O} .
My name is on the list .
My name is spelled wrong .
This is great .
This is not what I ordered .
This is calling for more work .
I am sorry about that .
I'm fine , thanks .
I am very happy to help .
I'm calling about my bill .
Hi there , how are you today ?
Hello everyone , welcome back .
Good morning all .
Good evening , how can I help you today ?
Thank you very much .
Thanks so much for your time .
Okay great , let me check that .
Could you hold on please ?
Can I speak to a manager ?
May I have your account number ?
Is anybody there ?
Please ask them to call me back .
Tell me more about it .
I spoke with somebody yesterday .
My wife and I live nearby .
The account is closed .
First name and last name please .
The last name on the account .
We should ask the design team .
So what do you think ?
As mentioned , the release is late .
I agree with that .
Let's move on to the next point .
I live near the station .
I work at a bank .
I have a credit card .
The office is closed on Monday .
The patient was admitted on Tuesday .
Your honor , I object .
The witness may step down .
Who is it ?
That was my idea .
My manager is on holiday .
My doctor is away this week .
It will be ready in May .
Will you mark the date for me ?
The bill is due in April .
I hope to see you in June .
The price of oil is up .
He will hunt for a better price .
The rose is red and the sky is blue .
Mark my words .
Can you bill me later ?
Give me a ring on Friday .
Turn left at the church .
I need a grant for the project .
The chase is on .
Grace period is ten days .
She was frank with me .
The art of the deal .
Please sign on the dotted line .
Our customers are happy with the service .
The system went down last night .
We need to update the server before Thursday .
Technical support will contact you .
The weather is nice in summer .
`.trim().split('\n');

const out = [];
for (let k = 0; k < SENTENCES; k++) {
  const pattern = PATTERNS[random(PATTERNS.length)];
  for (const w of pattern.split(' ')) {
    const m = /^\{(.)\}$/.exec(w);
    if (!m) {
      out.push(`${w} O`);
      continue;
    }
    const [text, type] = fill[m[1]]();
    text.split(' ').forEach((part, i) => out.push(`${part} ${i ? 'I' : 'B'}-${type}`));
  }
  out.push('');
}
writeFileSync(process.argv[3], out.join('\n') + '\n');
