/** What the gate `test` needs of the machine: an instance of the image, booted as a fleet's would be, that takes no traffic. */
import type { ReleaseContent } from '../../domain/release.ts';
import type { Inside } from '../../engines/inside.ts';

/** Disposing of it takes everything of it away but its log. */
export interface Trial extends AsyncDisposable {
  readonly inside: Inside;
}

export interface Trials {
  /** Returns once it is healthy. Throws LAUNCH_FAILED with its last words where it does not become so; nothing is left then. */
  boot(content: ReleaseContent, signal: AbortSignal): Promise<Trial>;
}
