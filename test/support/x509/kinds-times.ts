import type { CertificateOptions } from '../attester/certificates.js';
import { generalizedTime, sequence, time, utcTime } from './der.js';
import { atEach, type Change, GOOD, type Kind, make, NOW, withMiddle, withRoot } from './kinds.js';

/* Dates and their encodings. */

const HOUR_MS = 3_600_000;
const EXPIRED = Array(3).fill('certificate has expired');
const EARLY = Array(3).fill('certificate is not yet valid');
const MALFORMED = Array(3).fill("format error in certificate's notAfter field");

const until = (notAfter: Buffer): Change => ({
  fields: () => ({ validity: sequence(time(NOW - HOUR_MS), notAfter) }),
});

const from = (notBefore: Buffer): Change => ({
  fields: () => ({ validity: sequence(notBefore, time(NOW + HOUR_MS)) }),
});

const ended: Partial<CertificateOptions> = { notAfter: NOW - HOUR_MS };

export const timeKinds: readonly Kind[] = [
  ...atEach('expired', ended, EXPIRED),
  ...atEach('not valid yet', { notBefore: NOW + HOUR_MS }, EARLY),
  ...atEach('expires in this second', { notAfter: NOW }, EXPIRED),
  ...atEach('expires in the next second', { notAfter: NOW + 1000 }, GOOD),
  ...atEach('valid from this second', { notBefore: NOW }, GOOD),
  ...atEach('valid from the next second', { notBefore: NOW + 1000 }, EARLY),
  ...atEach('dates turned round', { notBefore: NOW + HOUR_MS, notAfter: NOW - HOUR_MS }, EARLY),
  ...atEach('UTCTime', until(utcTime('300615130000Z')), GOOD),
  ...atEach('UTCTime of 1950', until(utcTime('500615130000Z')), EXPIRED),
  ...atEach('UTCTime of 2049', until(utcTime('490615130000Z')), GOOD),
  ...atEach('GeneralizedTime before 2050', until(generalizedTime('20300615130000Z')), GOOD),
  ...atEach('GeneralizedTime of 2050', until(generalizedTime('20500615130000Z')), GOOD),
  ...atEach('GeneralizedTime of no end (RFC 5280 §4.1.2.5)', until(generalizedTime('99991231235959Z')), GOOD),
  ...atEach('UTCTime without seconds', until(utcTime('3006151300Z')), MALFORMED),
  ...atEach('UTCTime without Z', until(utcTime('300615130000')), MALFORMED),
  ...atEach('UTCTime of another zone', until(utcTime('300615130000+0000')), MALFORMED),
  ...atEach('GeneralizedTime with a fraction', until(generalizedTime('20300615130000.5Z')), MALFORMED),
  ...atEach('GeneralizedTime without Z', until(generalizedTime('20300615130000')), MALFORMED),
  ...atEach('a month that is none', until(utcTime('301315130000Z')), MALFORMED),
  ...atEach('a day that is none', until(generalizedTime('20310230130000Z')), MALFORMED),
  ...atEach('an hour that is none', until(utcTime('300616240000Z')), MALFORMED),
  ...atEach('a second that is none', until(utcTime('300616235960Z')), MALFORMED),
  ...atEach('a date that is a word', until(utcTime('tomorrowZ')), MALFORMED),
  ...atEach('a date that is a word, at the beginning', from(utcTime('yesterdayZ')), Array(3).fill('notBefore field')),
  {
    name: 'half a second after the end, which is told in seconds',
    openssl: 'certificate has expired',
    ...withMiddle({ notAfter: NOW }),
    now: NOW + 500,
  },
  {
    name: 'an anchor that has expired beside one that has not',
    openssl: 'OK',
    ...renewed({}),
  },
  {
    name: 'two anchors that have expired',
    openssl: 'certificate has expired',
    ...renewed({ notAfter: NOW - 2 * HOUR_MS }),
  },
];

function renewed(change: Change): Pick<Kind, 'chain' | 'anchors'> {
  const { chain, anchors } = withRoot(ended);
  return { chain, anchors: anchors.flatMap((old) => [old, make({ name: 'root', ca: true, keys: old, ...change })]) };
}
