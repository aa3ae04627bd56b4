/** Bounds on what a template may cost: it may come from anywhere, and no text may take more than a moment or much memory. */

/** Of one file that is read as a template, variables or text for a function. */
export const MOST_FILE_BYTES = 1 << 20;
export const MOST_FILES = 200;
/** How deep expressions, blocks and values may be nested. */
export const DEEPEST = 60;
/** Values that one import may compute: each element of a loop counts. */
export const MOST_STEPS = 300_000;
/** Of all text that one import may make. */
export const MOST_CHARACTERS = 32 << 20;
/** Of one pattern of a template over one text. */
export const PATTERN_MS = 100;
