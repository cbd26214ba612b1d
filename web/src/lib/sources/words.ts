import type { Schemas } from '$lib/api/types';

type Kind = Schemas['SourceType'];

/** What each type of source is, for people. */
export const SOURCE_KINDS: readonly (readonly [Kind, string])[] = [
	['local', 'Folder of this server'],
	['nfs', 'NFS share, mounted'],
	['smb', 'SMB share, mounted']
];

const SHORT: Record<Kind, string> = { local: 'Local', nfs: 'NFS', smb: 'SMB' };

export function kindWord(kind: Kind): string {
	return SHORT[kind];
}

/** The lines of a field of patterns: one pattern each, empty lines left out. */
export function patternsOf(text: string): string[] {
	return text
		.split('\n')
		.map((line) => line.trim())
		.filter(Boolean);
}

/** What the patterns of a source say, in a few words. */
export function patternWords(include: string[], exclude: string[]): string {
	if (include.length === 0 && exclude.length === 0) return 'everything';
	const parts = [];
	if (include.length > 0) parts.push(`only ${include.join(', ')}`);
	if (exclude.length > 0) parts.push(`without ${exclude.join(', ')}`);
	return parts.join('; ');
}
