/** How grave: CVSS vectors as scores, scores and the words of sources as Kiln's words. */
import cvssCalculator from 'ae-cvss-calculator';

import { SEVERITIES, type Severity } from '../domain/gate.ts';
import type { Rating } from './advisory.ts';

const { fromVector } = cvssCalculator;
/** No vector of any version, with all of its metrics, is as long. */
const LONGEST_VECTOR = 400;

/** Null for what is no vector of CVSS 2, 3 or 4 with all of its base metrics. */
export function ratingOfVector(vector: string): Rating | null {
  if (vector.length > LONGEST_VECTOR || !/^(?:CVSS:[34]\.[01]\/|AV:)/.test(vector)) return null;
  const cvss = fromVector(vector);
  if (cvss === null || !cvss.isBaseFullyDefined()) return null;
  return ratingOfScore(cvss.calculateScores().overall);
}

/** CVSS v3.1 and v4.0, "Qualitative Severity Rating Scale". Null for what is no score. */
export function ratingOfScore(score: number): Rating | null {
  if (!(score >= 0 && score <= 10)) return null;
  return { severity: score >= 9 ? 'critical' : score >= 7 ? 'high' : score >= 4 ? 'medium' : score > 0 ? 'low' : 'note', score };
}

/** GitHub's, Debian's (urgency), Ubuntu's, Trivy's and Grype's words. */
const WORDS: ReadonlyMap<string, Severity> = new Map([
  ['critical', 'critical'],
  ['high', 'high'],
  ['important', 'high'],
  ['medium', 'medium'],
  ['moderate', 'medium'],
  ['low', 'low'],
  ['negligible', 'note'],
  ['unimportant', 'note'],
  ['none', 'note'],
]);

/** Null for `unknown`, `not yet assigned` and every word that says nothing. Debian once marked guesses with asterisks. */
export function ratingOfWord(word: unknown): Rating | null {
  const severity = typeof word === 'string' ? WORDS.get(word.toLowerCase().replaceAll('*', '')) : undefined;
  return severity === undefined ? null : { severity, score: null };
}

/** The gravest. A score is more than a word: it is kept where the two are as grave. */
export function gravest(ratings: readonly (Rating | null)[]): Rating | null {
  const known = ratings.filter((rating) => rating !== null);
  return known.reduce<Rating | null>((best, each) => (best === null || weight(each) > weight(best) ? each : best), null);
}

const weight = ({ severity, score }: Rating): number => SEVERITIES.indexOf(severity) * 100 + (score ?? 0);
