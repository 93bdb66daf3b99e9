// carry_en.mjs: the English sentences in which personal data is said: call centres, hospitals, banks, meetings. {} is where it stands.

export const CARRIERS = {
  phone: ['my number is {}', 'you can reach me at {}', 'call me back on {}', 'my phone number is {} thanks', 'the best number for me is {}', 'yeah it\'s {}, that\'s my mobile', 'please text {} when the doctor is free',
    'my cell is {} and I\'m usually home after six', 'the contact number on file is {}', 'okay so the callback number would be {}', 'his work phone is {}, ask for the front desk', 'can you ring {} tomorrow morning?',
    'the patient\'s daughter can be reached on {}', 'our fax is {}', 'put down {} as my phone', 'if the line drops call {}', 'I\'m calling from {}', 'my new mobile number is {}, please update your records', 'telephone {}',
    'so my phone\'s {}', 'dial {} and ask for accounts', 'is this still your number, {}?', 'let me give you my wife\'s cell, it\'s {}', 'we have you down under {}, is that right?', '{} is my number'],
  card: ['my card number is {}', 'charge it to {} please', 'the credit card is {}', 'I\'d like to pay with {}', 'my visa is {}', 'the long number on the front of the card is {}', 'please block my card {}, it was stolen',
    'it\'s a debit card, {}', 'so the card ends in, well, the whole number is {}', 'use card {} for the deposit', 'can you check the limit on credit card {}?', 'the mastercard number is {} and the name is on the form', 'okay the card is {}',
    'I lost my bank card {} on the train', 'put the copay on {}', 'the new card number would be {}', 'we tried to bill {} and it was declined'],
  ssn: ['my social security number is {}', 'social is {}', 'my social is {}', 'the last thing I need is your social security number, it\'s {}', 'SSN {}', 'her SSN is {} I believe', 'my ssn is {}, do you need anything else?', 'for the tax form my social security number is {}',
    'the patient\'s social is {}', 'can you verify social security number {}?', 'okay my social security is {}'],
  id: ['my Chinese ID number is {}', 'the resident identity card number is {}', 'my ID card says {}', 'identity number {}', 'his national ID number is {}, from the mainland', 'the ID number on the form is {}', 'please verify identity card {}'],
  account: ['my account number is {}', 'the account number is {}', 'please credit account {}', 'my policy number is {}', 'the insurance policy number is {}', 'my member number is {}', 'membership number {}', 'my bank account number is {}, it\'s a checking account',
    'it goes into savings account number {}', 'my member ID is {}', 'my checking account is {}', 'the account ends, sorry, the full account number is {}', 'can you look up account number {}?', 'my policy is number {}', 'her medical record number is {}', 'transfer fifty dollars to account {}'],
  iban: ['my IBAN is {}', 'please wire it to {}', 'the IBAN for the refund is {}', 'send the money to IBAN {}', 'the account is abroad, IBAN {}', 'you can transfer to {} by Friday', 'our IBAN has changed, it\'s now {}'],
  passport: ['my passport number is {}', 'the passport number is {}', 'passport {}', 'he travels on passport number {}', 'the number on my passport is {}', 'for check in my passport number is {}', 'her passport is {} and it expires next year'],
  plate: ['my license plate is {}', 'the plate number is {}', 'the car\'s license plate was {}', 'registration number {}', 'my number plate is {}', 'the van that hit me had plate {}', 'vehicle registration is {}, it\'s a blue van', 'I parked on level two, license plate {}'],
  email: ['my email is {}', 'you can email me at {}', 'send it to {}', 'my email address is {}', 'the invoice should go to {}', 'please mail the results to {}', 'could you forward the minutes to {}?', 'the e-mail on the account is {}', 'it\'s {}, all lower case', 'write to {} if anything is missing',
    'I signed up with {}', 'cc {} on that thread', 'my work email is {}', 'the contact email is {}', 'you said your email is {}, is that correct?', 'reset the password for {}', 'so that\'s {} right?'],
  ip: ['my IP address is {}', 'the server is at {}', 'I keep getting blocked from {}', 'the attack came from {}', 'can you ping {}?', 'the printer\'s IP is {}', 'log in to {} and restart the service', 'the camera answers on {}', 'our gateway address is {}'],
  url: ['I pasted the link {} in the chat', 'the backup goes to {}', 'just open {}', 'use {} to fetch the files', 'the connection string is {}', 'somebody put {} into the ticket'],
  birth_date: ['my date of birth is {}', 'I was born on {}', 'date of birth {}', 'my birthday is {}', 'she was born {}', 'the patient was born on {}', 'DOB {}', 'birth date is {}', 'can you confirm your date of birth? {}', 'he\'s born {}, so he should be eligible', 'the date of birth on file is {}'],
  address: ['I live at {}', 'my address is {}', 'ship it to {}', 'please send the card to {}', 'the ambulance should go to {}', 'my home address is {}', 'we moved to {} last month', 'the office is at {}', 'the billing address is {}', 'come to {} at noon', 'the patient lives at {} with her son',
    'deliver to {} please', 'I\'m at {}', 'meet me at {}'],
};

/** More than one thing in a sentence: two carriers, one after the other, with one of these between. */
export const LINKS = [' and ', ' and ', ', ', '. ', ' okay and ', '. Also, ', ', and by the way '];

export const OPENERS = ['', '', '', '', '', 'hi, ', 'okay, ', 'um, ', 'sure, ', 'yes, ', 'good morning, ', 'so, ', 'right, ', 'thanks for calling, ', 'one moment, ', 'as I said, '];
export const CLOSERS = ['', '', '', '', '', ', thank you', ', please', ', got it?', '. Anything else?', ', if you could', '. I\'ll wait', ', that\'s all', ', okay?'];
