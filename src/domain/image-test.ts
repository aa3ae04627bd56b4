/** `image.test` of kiln.yaml: what an instance of a baked image has to do before the image is published. */

export type ImageTest = ImageTestKind & {
  /** It is tried until it passes or this much time has gone; a command or script gets this long for its only try.  */
  readonly withinMs: number;
};

export type ImageTestKind =
  | {
      readonly kind: 'http';
      readonly path: string;
      /** Null: the port of the service. */
      readonly port: number | null;
      readonly status: number;
      /** Text that the answer holds. */
      readonly body: string | null;
      /** Name → text that its value holds. */
      readonly headers: Readonly<Record<string, string>>;
    }
  /** Beside the instance: in its image, its network and with its environment, unable to write. */
  | { readonly kind: 'command'; readonly command: readonly string[]; readonly exit: number; readonly stdout: string | null }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly exists: boolean;
      /** Permission bits with setuid, setgid and sticky. */
      readonly mode: number | null;
      /** `app`, `app:app`, `1000:1000`. */
      readonly owner: string | null;
      /** Text that it holds. */
      readonly content: string | null;
    }
  /** Who the process of the instance runs as. */
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'port'; readonly port: number }
  /** A program of the recipe's folder, run on this machine with the instance's address in its environment. */
  | { readonly kind: 'script'; readonly path: string };

/** The environment that tested instances belong to: no environment of kiln.yaml has this name. */
export const TRIAL_ENVIRONMENT = 'kiln-test';
