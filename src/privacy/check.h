/* check.h: numbers that prove themselves: check digits, issuers, areas, dates.
 *
 * Owner: any thread; pure. Digits are ASCII figures, without separators.
 */
#ifndef STENO_PRIVACY_CHECK_H
#define STENO_PRIVACY_CHECK_H

#include "steno.h"

/* Luhn's sum of s [n] is a multiple of ten. */
bool check_luhn(const char *s, size_t n);
/* An issuer of payment cards gives out numbers of this length that begin so. */
bool check_card_issuer(const char *s, size_t n);
/* China's resident identity number: 17 figures and a check character 0..9 or X (GB 11643: ISO 7064 MOD 11-2), with a province and a
 * date of birth that exist; the 15 figures used until 1999, which have no check. */
bool check_china_id18(const char *s, size_t n);
bool check_china_id15(const char *s, size_t n);
/* A social security number of the United States that may have been given out: 9 figures. */
bool check_ssn(const char *s, size_t n);
/* year 1900..2099, month, day: a day that exists. */
bool check_date(int year, int month, int day);
/* ISO 13616: s [n] begins with two capital letters and two figures; length of the country, mod 97. */
bool check_iban(const char *s, size_t n);
/* How long an IBAN of the country s[0..1] is; 0: none. */
uint32_t check_iban_length(const char *s);
/* s [n] as a number; n is at most 9. */
int check_number(const char *s, size_t n);

#endif
