import type { Schemas } from '$lib/api/types';
import { bytes, counted } from '$lib/format/bytes';

export type KeyListed = Schemas['KeyListed'];

/** What needs a key, in a few words; nothing if nothing does. */
export function usesWords(uses: Schemas['KeyUse']): string | undefined {
	const parts = [
		uses.jobs > 0 ? counted(uses.jobs, 'job') : '',
		uses.sets > 0 ? `${counted(uses.sets, 'set')} (${bytes(uses.bytes)})` : '',
		uses.tapes > 0 ? counted(uses.tapes, 'tape') : ''
	].filter(Boolean);
	return parts.length === 0 ? undefined : parts.join(', ');
}

/** The beginning of a fingerprint: enough to tell two keys apart. */
export function shortFingerprint(fingerprint: string): string {
	return fingerprint.slice(0, 16);
}

/** Why the server will not delete a key; nothing if it will. */
export function keptBecause(uses: Schemas['KeyUse']): string | undefined {
	const needed = [uses.sets > 0 ? counted(uses.sets, 'set') : '', uses.jobs > 0 ? counted(uses.jobs, 'job') : ''].filter(Boolean);
	return needed.length === 0 ? undefined : `Needed by ${needed.join(' and ')}: delete those first, or keep the key.`;
}
