/** The kinds of evidence, as the API, the CLI and kiln.yaml name them. `other`: a type that Kiln does not know. */
export const EVIDENCE_KINDS = ['signature', 'provenance', 'sbom', 'test', 'scan', 'gates', 'other'] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];
