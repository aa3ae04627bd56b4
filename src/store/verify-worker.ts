/** Runs in a process of its own: checks the hash chain of the journal in the file that it was given. */
import { answerApart } from '../platform/apart.ts';
import { verifyFile } from './sqlite.ts';

answerApart(verifyFile);
