/**
 * What is kept of the gates of a bake: between them and the tags, so that nobody gets an image by name whose reports are
 * not there. Throws where they can't be kept; nothing is published then.
 */
import { join } from 'node:path';

import type { GateReportBody } from '../api/schema.ts';
import { hexOf, type Digest } from '../domain/digest.ts';
import type { GateReport, GateSubject } from '../gates/contract.ts';
import type { GatesResult } from '../gates/run.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import type { Parts } from './parts.ts';

/** Called for images that passed and for those that failed; evidence is for the former alone. */
export async function keepReports({ home }: Parts, { image }: GateSubject, { reports }: GatesResult): Promise<void> {
  await writeFileAtomic(reportsPath(home, image.digest), JSON.stringify(reports.map(reportBody)));
}

/** Of the last bake that made this image; none where it was not baked here. */
export async function keptReports({ home }: Pick<Parts, 'home'>, image: Digest): Promise<readonly GateReportBody[]> {
  const text = await readIfThere(reportsPath(home, image));
  return text === null ? [] : (JSON.parse(text) as readonly GateReportBody[]);
}

export const reportBody = ({ predicates, ...report }: GateReport): GateReportBody => ({
  ...report,
  predicates: predicates.map(({ type }) => type),
});

const reportsPath = (home: Parts['home'], image: Digest): string => join(home.bake, 'gates', 'reports', `${hexOf(image)}.json`);
